package ldapserver

import (
	"fmt"
	"math"
)

// message is one LDAPMessage (RFC 4511 §4.1.1). body is a part of the bytes
// that were read.
type message struct {
	id       int
	kind     Kind
	body     []byte
	controls Controls
	// size is how many bytes it came in.
	size int
}

// maxControls bounds the controls of one message.
const maxControls = 32

// decodeMessage reads the content of the outer sequence. Without an error the
// message can be answered; whether its controls are well formed is the second
// error's.
func decodeMessage(content []byte) (m message, err, controlsErr error) {
	r := &reader{rest: content}
	m = message{id: r.number(tagInteger, math.MaxInt32), size: len(content)}
	tag, body := r.next()
	if r.err != nil {
		return message{}, r.err, nil
	}
	m.kind, m.body = Kind(tag&tagNumber), body
	if !fits(m.kind, tag) || m.id == 0 {
		return message{}, fmt.Errorf("%w: no request", errMalformed), nil
	}
	m.controls, controlsErr = decodeControls(r)
	return m, nil, controlsErr
}

// fits reports whether a tag is that of a request of a kind.
func fits(kind Kind, tag byte) bool {
	switch kind {
	case KindUnbind, KindDelete, KindAbandon:
		return tag == classApplication|byte(kind)
	case KindBind, KindSearch, KindModify, KindAdd, KindRename, KindCompare, KindExtended:
		return tag == classApplication|constructed|byte(kind)
	}
	return false
}

// response returns the tag of the answer to a kind of request; 0 where there is
// none.
func (k Kind) response() byte {
	switch k {
	case KindUnbind, KindAbandon:
		return 0
	case KindSearch:
		return searchDone
	default:
		return classApplication | constructed | byte(k+1)
	}
}

const (
	searchEntry      = classApplication | constructed | 4
	searchDone       = classApplication | constructed | 5
	extendedResponse = classApplication | constructed | 24

	tagControls     = classContext | constructed
	tagReferral     = classContext | constructed | 3
	tagResponseName = classContext | 10
	tagResponse     = classContext | 11
)

// decodeControls reads the controls behind an operation, if there are any.
func decodeControls(r *reader) (Controls, error) {
	content, ok := r.optional(tagControls)
	if !ok {
		return nil, r.err
	}
	var controls Controls
	for list := (&reader{rest: content}); list.more(); {
		if len(controls) == maxControls {
			return nil, fmt.Errorf("%w: too many controls", errMalformed)
		}
		one := list.inside(tagSequence)
		control := Control{OID: one.text()}
		if tag, ok := one.peek(); ok && tag == tagBoolean {
			control.Critical = one.boolean(tagBoolean)
		}
		var value []byte
		value, control.HasValue = one.optional(tagOctetString)
		control.Value = string(value)
		if one.err != nil {
			return nil, one.err
		}
		controls = append(controls, control)
	}
	return controls, nil
}

// encodeResult returns a whole message with a result. further stands between
// the result and the end of the operation.
func encodeResult(id int, tag byte, result Result, further []byte) []byte {
	var op []byte
	op = appendNumber(op, tagEnumerated, int(result.Code))
	op = appendText(op, tagOctetString, result.Matched)
	op = appendText(op, tagOctetString, result.Text)
	if len(result.Referrals) > 0 {
		var urls []byte
		for _, url := range result.Referrals {
			urls = appendText(urls, tagOctetString, url)
		}
		op = appendElement(op, tagReferral, urls)
	}
	return encodeMessage(id, appendElement(nil, tag, op, further), result.Controls)
}

func encodeMessage(id int, operation []byte, controls []Control) []byte {
	whole := appendNumber(nil, tagInteger, id)
	whole = append(whole, operation...)
	if len(controls) > 0 {
		var all []byte
		for _, control := range controls {
			all = appendControl(all, control)
		}
		whole = appendElement(whole, tagControls, all)
	}
	return appendElement(nil, tagSequence, whole)
}

func appendControl(b []byte, control Control) []byte {
	one := appendText(nil, tagOctetString, control.OID)
	if control.Critical {
		one = appendBoolean(one, tagBoolean, true)
	}
	if control.HasValue {
		one = appendText(one, tagOctetString, control.Value)
	}
	return appendElement(b, tagSequence, one)
}

// encodeEntry returns a SearchResultEntry (RFC 4511 §4.5.2).
func encodeEntry(id int, entry Entry) []byte {
	var all []byte
	for _, attribute := range entry.Attributes {
		size := 0
		for _, value := range attribute.Values {
			size += len(value) + 6
		}
		values := make([]byte, 0, size)
		for _, value := range attribute.Values {
			values = appendText(values, tagOctetString, value)
		}
		one := appendText(make([]byte, 0, len(attribute.Name)+len(values)+12), tagOctetString, attribute.Name)
		one = appendElement(one, tagSet, values)
		all = appendElement(all, tagSequence, one)
	}
	op := appendText(nil, tagOctetString, entry.DN)
	op = appendElement(op, tagSequence, all)
	return encodeMessage(id, appendElement(nil, searchEntry, op), nil)
}

// encodeExtended returns an ExtendedResponse (RFC 4511 §4.12).
func encodeExtended(id int, result ExtendedResult) []byte {
	var further []byte
	if result.Name != "" {
		further = appendText(further, tagResponseName, result.Name)
	}
	if result.HasValue {
		further = appendText(further, tagResponse, result.Value)
	}
	return encodeResult(id, extendedResponse, result.Result, further)
}

// disconnectionOID names the notice of disconnection (RFC 4511 §4.4.1).
const disconnectionOID = "1.3.6.1.4.1.1466.20036"

func disconnection(code Code, text string) []byte {
	return encodeExtended(0, ExtendedResult{Result: Failure(code, text), Name: disconnectionOID})
}
