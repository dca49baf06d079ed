package ldapserver

import (
	"errors"
	"fmt"
	"math"
)

// The tags in use (X.690 §8.1.2).
const (
	tagBoolean     byte = 0x01
	tagInteger     byte = 0x02
	tagOctetString byte = 0x04
	tagEnumerated  byte = 0x0a
	tagSequence    byte = 0x30
	tagSet         byte = 0x31

	classApplication byte = 0x40
	classContext     byte = 0x80
	constructed      byte = 0x20
	tagNumber        byte = 0x1f
)

// errMalformed means that bytes are not what the grammar wants.
var errMalformed = errors.New("ldapserver: malformed")

// maxLength bounds a length before it is held against what is there.
const maxLength = math.MaxInt32

// header reads tag and length of an element and tells how many bytes they
// take. RFC 4511 §5.1 allows the definite form of the length only; multi-byte
// tags do not occur.
func header(b []byte) (tag byte, length, size int, err error) {
	if len(b) < 2 {
		return 0, 0, 0, fmt.Errorf("%w: the end is missing", errMalformed)
	}
	tag = b[0]
	if tag&tagNumber == tagNumber {
		return 0, 0, 0, fmt.Errorf("%w: a tag of several bytes", errMalformed)
	}
	if b[1] < 0x80 {
		return tag, int(b[1]), 2, nil
	}
	more := int(b[1] & 0x7f)
	if more == 0 || more > 8 {
		return 0, 0, 0, fmt.Errorf("%w: a length of no allowed form", errMalformed)
	}
	if len(b) < 2+more {
		return 0, 0, 0, fmt.Errorf("%w: the end is missing", errMalformed)
	}
	for _, digit := range b[2 : 2+more] {
		if length > maxLength>>8 {
			return 0, 0, 0, fmt.Errorf("%w: a length beyond all bounds", errMalformed)
		}
		length = length<<8 | int(digit)
	}
	return tag, length, 2 + more, nil
}

// reader reads the elements of one constructed element in place: nothing is
// copied, and no length is followed beyond what is there. Its first error
// stays, so that a decoder asks for it once.
type reader struct {
	rest []byte
	err  error
}

// more reports whether another element follows.
func (r *reader) more() bool { return r.err == nil && len(r.rest) > 0 }

// peek returns the tag of the next element.
func (r *reader) peek() (byte, bool) {
	if !r.more() {
		return 0, false
	}
	return r.rest[0], true
}

// next returns whatever element follows.
func (r *reader) next() (byte, []byte) {
	if r.err != nil {
		return 0, nil
	}
	tag, length, size, err := header(r.rest)
	if err == nil && length > len(r.rest)-size {
		err = fmt.Errorf("%w: a length beyond the end", errMalformed)
	}
	if err != nil {
		r.err = err
		return 0, nil
	}
	content := r.rest[size : size+length]
	r.rest = r.rest[size+length:]
	return tag, content
}

// take returns the next element, which must have a tag.
func (r *reader) take(tag byte) []byte {
	got, content := r.next()
	if r.err == nil && got != tag {
		r.err = fmt.Errorf("%w: tag %#x where %#x belongs", errMalformed, got, tag)
		return nil
	}
	return content
}

// optional returns the next element if it has a tag.
func (r *reader) optional(tag byte) ([]byte, bool) {
	if got, ok := r.peek(); !ok || got != tag {
		return nil, false
	}
	content := r.take(tag)
	return content, r.err == nil
}

// inside returns a reader of the next element, which must have a tag.
func (r *reader) inside(tag byte) *reader {
	content := r.take(tag)
	return &reader{rest: content, err: r.err}
}

// text takes an octet string.
func (r *reader) text() string { return string(r.take(tagOctetString)) }

// number takes an integer or enumeration from 0 to highest.
func (r *reader) number(tag byte, highest int) int {
	content := r.take(tag)
	if r.err != nil {
		return 0
	}
	n, ok := integer(content)
	if !ok || n < 0 || n > highest {
		r.err = fmt.Errorf("%w: a number out of range", errMalformed)
		return 0
	}
	return n
}

// boolean takes a boolean.
func (r *reader) boolean(tag byte) bool {
	content := r.take(tag)
	if r.err == nil && len(content) != 1 {
		r.err = fmt.Errorf("%w: a boolean of another length", errMalformed)
	}
	return r.err == nil && content[0] != 0
}

// integer reads up to 32 bits.
func integer(content []byte) (int, bool) {
	if len(content) == 0 || len(content) > 4 {
		return 0, false
	}
	n := int32(int8(content[0]))
	for _, digit := range content[1:] {
		n = n<<8 | int32(digit)
	}
	return int(n), true
}

// appendElement writes an element with the definite, shortest form of length.
func appendElement(b []byte, tag byte, content ...[]byte) []byte {
	length := 0
	for _, part := range content {
		length += len(part)
	}
	b = appendHeader(b, tag, length)
	for _, part := range content {
		b = append(b, part...)
	}
	return b
}

func appendHeader(b []byte, tag byte, length int) []byte {
	b = append(b, tag)
	switch {
	case length < 0x80:
		return append(b, byte(length))
	case length < 1<<8:
		return append(b, 0x81, byte(length))
	case length < 1<<16:
		return append(b, 0x82, byte(length>>8), byte(length))
	case length < 1<<24:
		return append(b, 0x83, byte(length>>16), byte(length>>8), byte(length))
	default:
		return append(b, 0x84, byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	}
}

func appendText(b []byte, tag byte, text string) []byte {
	b = appendHeader(b, tag, len(text))
	return append(b, text...)
}

// appendNumber writes the shortest form (X.690 §8.3).
func appendNumber(b []byte, tag byte, n int) []byte {
	size := 1
	for v := n; v > 0x7f || v < -0x80; v >>= 8 {
		size++
	}
	b = appendHeader(b, tag, size)
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

func appendBoolean(b []byte, tag byte, value bool) []byte {
	if value {
		return append(b, tag, 1, 0xff)
	}
	return append(b, tag, 1, 0)
}

// fail makes the reader refuse all that follows.
func (r *reader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errMalformed, why)
	}
}

// end refuses what stands where nothing may follow.
func (r *reader) end() {
	if len(r.rest) > 0 {
		r.fail("something behind the end")
	}
}
