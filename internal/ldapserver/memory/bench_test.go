package memory

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/ldapserver"
)

// caller is a client on the loopback that asks for one thing at a time.
type caller struct {
	b   *testing.B
	net net.Conn
	in  *bufio.Reader
}

// call opens a connection to a small directory with so many people more.
func call(b *testing.B, people int) caller {
	b.Helper()
	d := smallDirectory(b)
	for i := range people {
		uid := fmt.Sprintf("person%d", i)
		err := d.Add("uid="+uid+",dc=example", map[string][]string{
			"objectClass": {"inetOrgPerson"}, "cn": {"Person"}, "sn": {"Person"}, "mail": {uid + "@example.test"}, "displayName": {"A Person"},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := ldapserver.New(ldapserver.Config{}, d, slog.New(slog.DiscardHandler))
	go func() { done <- server.Serve(ctx, listener) }()
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		connection.Close()
		cancel()
		<-done
	})
	return caller{b, connection, bufio.NewReader(connection)}
}

// ask sends a request and reads to the end of its answer. It does not decode,
// so that the allocations are the server's.
func (c caller) ask(request []byte, last byte) {
	if _, err := c.net.Write(request); err != nil {
		c.b.Fatal(err)
	}
	for {
		start, err := c.in.Peek(8)
		if err != nil {
			c.b.Fatal(err)
		}
		size, length := 2, int(start[1])
		if length > 0x80 {
			size += length & 0x7f
			length = 0
			for _, digit := range start[2:size] {
				length = length<<8 | int(digit)
			}
		}
		// The number of the message takes three bytes here.
		operation := start[min(size+3, 7)]
		if _, err := io.CopyN(io.Discard, c.in, int64(size+length)); err != nil {
			c.b.Fatal(err)
		}
		if operation == last {
			return
		}
	}
}

func find(uid string) []byte {
	equal := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	equal.AppendChild(octetString("uid"))
	equal.AppendChild(octetString(uid))
	return said(2, ldapserver.KindSearch, octetString("dc=example"), integer(ber.TagEnumerated, 2), integer(ber.TagEnumerated, 0),
		integer(ber.TagInteger, 0), integer(ber.TagInteger, 0), yes(false), equal, list(ber.TagSequence))
}

const (
	bindResponse     = 0x61
	searchDone       = 0x65
	extendedResponse = 0x78
)

// BenchmarkWhoAmI is what the server itself costs.
func BenchmarkWhoAmI(b *testing.B) {
	c := call(b, 0)
	request := said(3, ldapserver.KindExtended, tagged(0, ldapserver.OIDWhoAmI))
	b.ReportAllocs()
	for b.Loop() {
		c.ask(request, extendedResponse)
	}
}

// BenchmarkBind has a hash of one round.
func BenchmarkBind(b *testing.B) {
	c := call(b, 0)
	request := said(1, ldapserver.KindBind, integer(ber.TagInteger, 3), octetString("uid=alice,dc=example"), tagged(0, "secret"))
	b.ReportAllocs()
	for b.Loop() {
		c.ask(request, bindResponse)
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, people := range []int{10, 1000} {
		b.Run(fmt.Sprintf("people=%d", people), func(b *testing.B) {
			c := call(b, people)
			c.ask(rootBind(), bindResponse)
			request := find(fmt.Sprintf("person%d", people/2))
			b.ReportAllocs()
			for b.Loop() {
				c.ask(request, searchDone)
			}
		})
	}
}

// BenchmarkHash is what a bind costs beside: the default rounds.
func BenchmarkHash(b *testing.B) {
	h := newHasher(0)
	hashed := []string{h.hash("secret")}
	b.ReportAllocs()
	for b.Loop() {
		h.matches(hashed, "secret")
	}
}
