package directory

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/go-ldap/ldap/v3"
)

// tap lies between go-ldap and the network. go-ldap builds a tree of packets for
// each message, which takes most of the time of reading a whole directory; so the
// answers to one search at a time, those with an ID that go-ldap never gives out,
// are taken out before it sees them. Everything else passes.
type tap struct {
	net.Conn

	// Before it is open, a tap does nothing.
	opened atomic.Bool
	// in, rest and head belong to whoever reads, which is one goroutine of go-ldap.
	in   *bufio.Reader
	rest []byte

	mu     sync.Mutex
	stream *backlog
	last   int64
	broken error
}

const (
	// firstStreamID is the greatest message ID (RFC 4511 §4.1.1.1); go-ldap counts
	// from 1.
	firstStreamID = 1<<31 - 1
	// largestMessage bounds what one message may take.
	largestMessage = 64 << 20
	tapBuffer      = 32 << 10
)

var (
	// errWire means that a server does not speak LDAP.
	errWire     = errors.New("the server sends what is no LDAP message")
	errStreamed = errors.New("a search is under way on this connection")
)

// open begins to look at messages. Nothing may be under way.
func (t *tap) open() { t.opened.Store(true) }

// Read gives go-ldap what is its own.
func (t *tap) Read(p []byte) (int, error) {
	if t.in == nil {
		n, err := t.Conn.Read(p)
		if !t.opened.Load() {
			return n, err
		}
		// It was opened while this waited: what came belongs to a whole message.
		t.in = bufio.NewReaderSize(&prefixed{append([]byte(nil), p[:n]...), err, t.Conn}, tapBuffer)
	}
	if len(t.rest) == 0 {
		if err := t.sort(); err != nil {
			t.fail(err)
			return 0, err
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// prefixed reads what was read before, and then on.
type prefixed struct {
	first []byte
	err   error
	then  io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	return p.then.Read(b)
}

// sort reads messages until one is for go-ldap.
func (t *tap) sort() error {
	for {
		size, id, err := t.peek()
		if err != nil {
			return err
		}
		stream := t.streamOf(id)
		if stream == nil && id <= firstStreamID && id > firstStreamID/2 {
			// The answer to a search that nobody waits for any more.
			if _, err := t.in.Discard(size); err != nil {
				return err
			}
			continue
		}
		if stream == nil {
			t.rest = make([]byte, size)
			_, err := io.ReadFull(t.in, t.rest)
			return err
		}
		if err := t.pass(stream, size); err != nil {
			return err
		}
	}
}

// pass gives a message to whoever reads a stream.
func (t *tap) pass(stream *backlog, size int) error {
	if size > tapBuffer {
		message := make([]byte, size)
		_, err := io.ReadFull(t.in, message)
		if err == nil {
			stream.put(message)
		}
		return err
	}
	message, err := t.in.Peek(size)
	if err != nil {
		return err
	}
	stream.put(message)
	_, err = t.in.Discard(size)
	return err
}

// peek looks at the beginning of a message: how long it is, and its ID.
func (t *tap) peek() (size int, id int64, err error) {
	// A tag and the longest length.
	const longest = 1 + 5
	head, err := t.in.Peek(2)
	if err != nil {
		return 0, 0, err
	}
	header, length, ok := element(head, tagSequence)
	for n := 3; !ok && n <= longest; n++ {
		if head, err = t.in.Peek(n); err != nil {
			return 0, 0, err
		}
		header, length, ok = element(head, tagSequence)
	}
	if size = header + length; !ok || size > largestMessage || length < 5 {
		return 0, 0, errWire
	}
	const longestID = 1 + 5 + 4
	if head, err = t.in.Peek(min(size, header+longestID)); err != nil {
		return 0, 0, err
	}
	digits := head[header:]
	begin, n, ok := element(digits, tagInteger)
	if !ok || n < 1 || n > 4 || begin+n > len(digits) {
		return 0, 0, errWire
	}
	for _, b := range digits[begin : begin+n] {
		id = id<<8 | int64(b)
	}
	return size, id, nil
}

// element reads a tag that must be this one, and a definite length (RFC 4511
// §5.1) of at most four bytes; ok is false too where there is too little.
func element(b []byte, tag byte) (header, length int, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return 0, 0, false
	}
	if b[1] < 0x80 {
		return 2, int(b[1]), true
	}
	n := int(b[1] & 0x7f)
	if n == 0 || n > 4 || len(b) < 2+n {
		return 0, 0, false
	}
	for _, one := range b[2 : 2+n] {
		length = length<<8 | int(one)
	}
	return 2 + n, length, true
}

// begin makes place for the answers to a search. finish must follow.
func (t *tap) begin() (*backlog, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.broken != nil:
		return nil, fmt.Errorf("%w: %w", errBroken, t.broken)
	case t.stream != nil:
		return nil, errStreamed
	}
	if t.last--; t.last <= firstStreamID/2 {
		t.last = firstStreamID
	}
	t.stream = newBacklog(t.last)
	return t.stream, nil
}

func (t *tap) finish(b *backlog) {
	b.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stream = nil
}

func (t *tap) streamOf(id int64) *backlog {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stream != nil && t.stream.id == id {
		return t.stream
	}
	return nil
}

// fail tells whoever waits that nothing more comes.
func (t *tap) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = err
	if t.stream != nil {
		t.stream.end(err)
	}
}

// search makes a search and calls f with every entry, and with nil for what is
// none. It returns the controls of the end and what the server says there, or the
// error of f.
func (t *tap) search(request *ldap.SearchRequest, f func(*ldap.Entry, []ldap.Control) error) ([]ldap.Control, error) {
	b, err := t.begin()
	if err != nil {
		return nil, err
	}
	defer t.finish(b)
	text, err := writeSearch(b.id, request)
	if err != nil {
		return nil, err
	}
	if _, err := t.Write(text); err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	for {
		messages, err := b.take()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBroken, err)
		}
		for len(messages) > 0 {
			header, length, _ := element(messages, tagSequence)
			m, err := readMessage(messages[:header+length])
			if err != nil {
				return nil, err
			}
			if m.done {
				return m.controls, m.err
			}
			if err := f(m.entry, m.controls); err != nil {
				return nil, err
			}
			messages = messages[header+length:]
		}
	}
}
