package directory

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// foundMessage is an entry as a server sends it.
func foundMessage(id int64, dn string, values []string, controls ...ldap.Control) []byte {
	text := func(s string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
	}
	set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	for _, value := range values {
		set.AppendChild(text(value))
	}
	attribute, attributes := ber.NewSequence(""), ber.NewSequence("")
	attribute.AppendChild(text("mail"))
	attribute.AppendChild(set)
	attributes.AppendChild(attribute)
	operation := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	operation.AppendChild(text(dn))
	operation.AppendChild(attributes)
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(operation)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, control := range controls {
			list.AppendChild(control.Encode())
		}
		message.AppendChild(list)
	}
	return message.Bytes()
}

// stateMessages have a Sync State Control, once with a cookie.
func stateMessages() [][]byte {
	raw := func(value string) []byte {
		state := ldap.NewControlString(ldap.ControlTypeSyncState, false, value)
		return foundMessage(7, "uid=alice,dc=example", []string{"a@example.org", ""}, state)
	}
	const id = "0123456789abcdef"
	return [][]byte{raw("\x30\x15\x0a\x01\x01\x04\x10" + id), raw("\x30\x1c\x0a\x01\x02\x04\x10" + id + "\x04\x05csn=1"), raw("\x30\x03\x0a\x01\x01"), raw("x")}
}

var doneMessage = []byte("\x30\x0c\x02\x01\x07\x65\x07\x0a\x01\x00\x04\x00\x04\x00")

// FuzzReadMessage: whatever a server sends, an entry that is read here is what
// go-ldap's packets hold, and so are its controls.
func FuzzReadMessage(f *testing.F) {
	f.Add(foundMessage(1, "uid=alice,dc=example", []string{"a@example.org", "b@example.org"}))
	f.Add(foundMessage(1<<31-1, "", nil, ldap.NewControlManageDsaIT(true)))
	for _, message := range stateMessages() {
		f.Add(message)
	}
	f.Add(doneMessage)
	f.Add([]byte("\x30\x84\x00\x00\x00\x0c\x02\x01\x07\x65\x07\x0a\x01\x04\x04\x00\x04\x00"))
	f.Add([]byte("\x30\x0a\x02\x01\x07\x79\x05\x80\x031.2"))
	f.Fuzz(func(t *testing.T, message []byte) {
		m, err := readMessage(message)
		if err != nil || m.entry == nil {
			return
		}
		packet, err := ber.DecodePacketErr(message)
		if err != nil {
			t.Fatalf("it is no packet: %v", err)
		}
		if dn := string(packet.Children[1].Children[0].ByteValue); dn != m.entry.DN {
			t.Errorf("%q, want %q", m.entry.DN, dn)
		}
		attributes := packet.Children[1].Children[1].Children
		if len(attributes) != len(m.entry.Attributes) {
			t.Fatalf("%d attributes, want %d", len(m.entry.Attributes), len(attributes))
		}
		for i, a := range m.entry.Attributes {
			var values []string
			for _, value := range attributes[i].Children[1].Children {
				values = append(values, string(value.ByteValue))
			}
			if name := string(attributes[i].Children[0].ByteValue); name != a.Name || !slices.Equal(values, a.Values) {
				t.Errorf("%q: %q, want %q: %q", a.Name, a.Values, name, values)
			}
		}
		if len(packet.Children) < 3 {
			return
		}
		for i, child := range packet.Children[2].Children {
			want, err := ldap.DecodeControl(child)
			if err != nil || want.String() != m.controls[i].String() {
				t.Errorf("%v, want %v, %v", m.controls[i], want, err)
			}
		}
	})
}

// FuzzTap: go-ldap gets what is its own, a search what it asked for, each whole and
// in order, however the bytes come; and what is no message ends both.
func FuzzTap(f *testing.F) {
	own, other := foundMessage(firstStreamID, "uid=alice", []string{"x"}), foundMessage(3, "uid=bob", []string{"y"})
	f.Add(slices.Concat(own, other, own, own, other), uint8(1))
	f.Add(slices.Concat(other, foundMessage(firstStreamID, "uid=long", []string{string(make([]byte, 2*tapBuffer))}), other), uint8(200))
	f.Add(slices.Concat(own, []byte("\x30\x80\x00\x00")), uint8(3))
	f.Add([]byte("\x30\x84\xff\xff\xff\xff\x02\x01\x01"), uint8(9))
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint8) {
		p := &tap{Conn: &pieces{rest: stream, size: int(chunk) + 1}}
		p.open()
		b, err := p.begin()
		if err != nil {
			t.Fatal(err)
		}
		var others, ours bytes.Buffer
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				taken, err := b.take()
				if err != nil {
					return
				}
				ours.Write(taken)
			}
		}()
		// How it ends is not the point: an end and a broken message both do.
		_, _ = io.Copy(&others, readerOnly{p})
		<-ended
		wantOthers, wantOurs := sorted(stream)
		if !bytes.Equal(others.Bytes(), wantOthers) || !bytes.Equal(ours.Bytes(), wantOurs) {
			t.Errorf("go-ldap got %q, want %q; the search %q, want %q", others.Bytes(), wantOthers, ours.Bytes(), wantOurs)
		}
	})
}

// sorted is what a tap does, seen from the whole.
func sorted(stream []byte) (others, ours []byte) {
	for {
		rest := string(stream)
		inner, ok := cut(&rest, tagSequence)
		if !ok || len(inner) < 5 || len(stream)-len(rest) > largestMessage {
			return others, ours
		}
		number, ok := cut(&inner, tagInteger)
		if !ok || len(number) < 1 || len(number) > 4 {
			return others, ours
		}
		id := int64(0)
		for i := range len(number) {
			id = id<<8 | int64(number[i])
		}
		message := stream[:len(stream)-len(rest)]
		switch {
		case id == firstStreamID:
			ours = append(ours, message...)
		case id > firstStreamID || id <= firstStreamID/2:
			others = append(others, message...)
		}
		stream = stream[len(message):]
	}
}

type readerOnly struct{ io.Reader }

// pieces gives out a stream in pieces of a size.
type pieces struct {
	net.Conn

	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// A search whose reader goes away does not keep what else is on the connection.
func TestTapGoesOnWithoutItsReader(t *testing.T) {
	var stream []byte
	for len(stream) < 4*backlogSize {
		stream = append(stream, foundMessage(firstStreamID, "uid=alice", []string{"x"})...)
	}
	last := foundMessage(9, "uid=bob", nil)
	p := &tap{Conn: &pieces{rest: append(stream, last...), size: 1000}}
	p.open()
	b, err := p.begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.begin(); !errors.Is(err, errStreamed) {
		t.Errorf("a second search: %v", err)
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(readerOnly{p})
		got <- all
	}()
	full := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.bytes)+100 > backlogSize
	}
	for !full() {
		runtime.Gosched()
	}
	p.finish(b)
	if all := <-got; !bytes.Equal(all, last) {
		t.Errorf("go-ldap got %d bytes, want %d", len(all), len(last))
	}
	if _, err := p.begin(); !errors.Is(err, errBroken) {
		t.Errorf("a search on a broken connection: %v", err)
	}
}

// The request is the one that go-ldap writes, but for its ID.
func TestWriteSearch(t *testing.T) {
	request := ldap.NewSearchRequest("dc=example", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 5, 6, false, "(&(uid=a)(!(cn=b*)))", []string{"mail", "entryUUID"},
		[]ldap.Control{ldap.NewControlSyncRequest(ldap.SyncRequestModeRefreshAndPersist, []byte("csn=1"), false)})
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		l := ldap.NewConn(client, false)
		l.Start()
		l.SearchAsync(t.Context(), request, 1)
	}()
	sent, err := ber.ReadPacket(server)
	if err != nil {
		t.Fatal(err)
	}
	text, err := writeSearch(sent.Children[0].Value.(int64), request)
	if err != nil || !bytes.Equal(text, sent.Bytes()) {
		t.Errorf("%x, %v\nwant %x", text, err, sent.Bytes())
	}
	request.Filter = "("
	if _, err := writeSearch(1, request); !errors.Is(err, ErrFilter) {
		t.Errorf("got %v", err)
	}
}
