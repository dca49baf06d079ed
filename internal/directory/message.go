package directory

import (
	"errors"
	"fmt"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
)

// answerMessage is a message of a search (RFC 4511 §4.5.2, §4.13).
type answerMessage struct {
	// entry is nil for what is none.
	entry    *ldap.Entry
	controls []ldap.Control
	// done: the search is over, with err where it is no success.
	done bool
	err  error
}

// Tags of RFC 4511 §4.2 and §4.5.2, with class and form.
const (
	tagInteger     = 0x02
	tagOctets      = 0x04
	tagEnumerated  = 0x0a
	tagBoolean     = 0x01
	tagSequence    = 0x30
	tagSet         = 0x31
	tagSearchEntry = 0x64
	tagSearchDone  = 0x65
	tagReference   = 0x73
	tagBetween     = 0x79
	tagControls    = 0xa0
)

// cut takes an element off the front of a text.
func cut(s *string, tag byte) (value string, ok bool) {
	t := *s
	if len(t) < 2 || t[0] != tag {
		return "", false
	}
	header, length := 2, int(t[1])
	if length >= 0x80 {
		n := length & 0x7f
		if n == 0 || n > 4 || len(t) < 2+n {
			return "", false
		}
		header, length = 2+n, 0
		for i := range n {
			length = length<<8 | int(t[2+i])
		}
	}
	if length > len(t)-header {
		return "", false
	}
	*s = t[header+length:]
	return t[header : header+length], true
}

// readMessage reads one message. Entries, which are many, are read here: their
// names and values are parts of one string. Everything else go-ldap reads.
func readMessage(message []byte) (answerMessage, error) {
	text := string(message)
	inner, ok := cut(&text, tagSequence)
	if !ok || text != "" {
		return answerMessage{}, errWire
	}
	if _, ok = cut(&inner, tagInteger); !ok || inner == "" {
		return answerMessage{}, errWire
	}
	switch inner[0] {
	case tagSearchEntry:
		return readEntry(inner)
	case tagReference:
		return answerMessage{}, nil
	case tagSearchDone, tagBetween:
		return readOther(message)
	}
	return answerMessage{}, errWire
}

func readEntry(text string) (answerMessage, error) {
	body, ok := cut(&text, tagSearchEntry)
	dn, named := cut(&body, tagOctets)
	list, listed := cut(&body, tagSequence)
	if !ok || !named || !listed || body != "" {
		return answerMessage{}, errWire
	}
	m := answerMessage{entry: &ldap.Entry{DN: dn}}
	var err error
	if m.entry.Attributes, err = readAttributes(list); err != nil || text == "" {
		return m, err
	}
	m.controls, err = readControls(text)
	return m, err
}

func readAttributes(list string) ([]*ldap.EntryAttribute, error) {
	const usual = 8
	attributes := make([]*ldap.EntryAttribute, 0, usual)
	for list != "" {
		attribute, ok := cut(&list, tagSequence)
		name, named := cut(&attribute, tagOctets)
		set, has := cut(&attribute, tagSet)
		if !ok || !named || !has || attribute != "" {
			return nil, errWire
		}
		a := &ldap.EntryAttribute{Name: name}
		for set != "" {
			value, ok := cut(&set, tagOctets)
			if !ok {
				return nil, errWire
			}
			a.Values = append(a.Values, value)
		}
		attributes = append(attributes, a)
	}
	return attributes, nil
}

// readControls reads what follows an entry: in a refresh the Sync State Control
// (RFC 4533 §2.3) with each.
func readControls(text string) ([]ldap.Control, error) {
	list, ok := cut(&text, tagControls)
	if !ok || text != "" {
		return nil, errWire
	}
	var controls []ldap.Control
	for list != "" {
		before := list
		one, ok := cut(&list, tagSequence)
		if !ok {
			return nil, errWire
		}
		name, ok := cut(&one, tagOctets)
		if !ok {
			return nil, errWire
		}
		if name == ldap.ControlTypeSyncState {
			if state, ok := readSyncState(one); ok {
				controls = append(controls, state)
				continue
			}
		}
		control, err := readControl([]byte(before[:len(before)-len(list)]))
		if err != nil {
			return nil, err
		}
		controls = append(controls, control)
	}
	return controls, nil
}

// readSyncState reads what stands behind the type of the control.
func readSyncState(text string) (*ldap.ControlSyncState, bool) {
	if text != "" && text[0] == tagBoolean {
		cut(&text, tagBoolean)
	}
	value, ok := cut(&text, tagOctets)
	body, whole := cut(&value, tagSequence)
	state, stated := cut(&body, tagEnumerated)
	raw, named := cut(&body, tagOctets)
	if !ok || text != "" || !whole || value != "" || !stated || len(state) != 1 || !named {
		return nil, false
	}
	id, err := uuid.FromBytes([]byte(raw))
	if err != nil {
		return nil, false
	}
	control := &ldap.ControlSyncState{State: ldap.ControlSyncStateState(state[0]), EntryUUID: id}
	if body != "" {
		cookie, ok := cut(&body, tagOctets)
		if !ok || body != "" {
			return nil, false
		}
		control.Cookie = []byte(cookie)
	}
	return control, true
}

func readControl(text []byte) (ldap.Control, error) {
	packet, err := ber.DecodePacketErr(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errWire, err)
	}
	control, err := ldap.DecodeControl(packet)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errWire, err)
	}
	return control, nil
}

// readOther reads the end of a search and what comes between.
func readOther(message []byte) (m answerMessage, err error) {
	packet, err := ber.DecodePacketErr(message)
	if err != nil {
		return m, fmt.Errorf("%w: %w", errWire, err)
	}
	if len(packet.Children) < 2 {
		return m, errWire
	}
	if packet.Children[1].Tag == ldap.ApplicationIntermediateResponse {
		control, err := ldap.DecodeControl(packet.Children[1])
		if err != nil {
			return m, fmt.Errorf("%w: %w", errWire, err)
		}
		return answerMessage{controls: []ldap.Control{control}}, nil
	}
	m.done, m.err = true, ldap.GetLDAPError(packet)
	if len(packet.Children) > 2 {
		for _, child := range packet.Children[2].Children {
			control, err := ldap.DecodeControl(child)
			if err != nil {
				return m, fmt.Errorf("%w: %w", errWire, err)
			}
			m.controls = append(m.controls, control)
		}
	}
	return m, nil
}

// writeSearch is a search request (RFC 4511 §4.5.1) as go-ldap writes it, with an
// ID that go-ldap would not give it.
func writeSearch(id int64, r *ldap.SearchRequest) ([]byte, error) {
	filter, err := ldap.CompileFilter(r.Filter)
	if err != nil {
		return nil, errors.Join(ErrFilter, err)
	}
	integer := func(tag ber.Tag, value int64) *ber.Packet {
		return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, tag, value, "")
	}
	text := func(value string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
	}
	attributes := ber.NewSequence("")
	for _, name := range r.Attributes {
		attributes.AppendChild(text(name))
	}
	operation := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchRequest, nil, "")
	for _, child := range []*ber.Packet{
		text(r.BaseDN), integer(ber.TagEnumerated, int64(r.Scope)), integer(ber.TagEnumerated, int64(r.DerefAliases)),
		integer(ber.TagInteger, int64(r.SizeLimit)), integer(ber.TagInteger, int64(r.TimeLimit)),
		ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, r.TypesOnly, ""), filter, attributes,
	} {
		operation.AppendChild(child)
	}
	envelope := ber.NewSequence("")
	envelope.AppendChild(integer(ber.TagInteger, id))
	envelope.AppendChild(operation)
	if len(r.Controls) > 0 {
		controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, control := range r.Controls {
			controls.AppendChild(control.Encode())
		}
		envelope.AppendChild(controls)
	}
	return envelope.Bytes(), nil
}
