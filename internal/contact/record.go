package contact

import (
	"encoding/json"
	"slices"
	"time"
)

// append writes the record as encoding/json does, to the byte; a test holds it to
// that. A first load writes each card once, and reflection took as long for it as
// the cipher.
func (r record) append(b []byte) ([]byte, error) {
	if len(r.Written) > 0 || slices.ContainsFunc(r.Contacts, entered) {
		text, err := json.Marshal(r)
		return append(b, text...), err
	}
	b = append(b, `{"schema":`...)
	b = append(b, byte('0'+r.Schema))
	b = appendText(append(b, `,"directory":`...), r.Directory)
	b = appendText(append(b, `,"person":`...), r.Person)
	b = append(b, `,"contacts":`...)
	if r.Contacts == nil {
		return append(b, "null}"...), nil
	}
	b = append(b, '[')
	for i, c := range r.Contacts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"kind":`...), string(c.Kind))
		b = appendText(append(b, `,"value":`...), c.Value)
		b = appendText(append(b, `,"source":`...), string(c.Source))
		b = append(b, `,"added_at":`...)
		var err error
		if b, err = appendTime(b, c.AddedAt); err != nil {
			return nil, err
		}
		if c.Unverified {
			b = append(b, `,"unverified":true`...)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...), nil
}

// appendText writes what needs no escape, and leaves the rest to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			text, _ := json.Marshal(s) // a string has no error
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendTime writes whole seconds in UTC, and leaves the rest to encoding/json.
func appendTime(b []byte, t time.Time) ([]byte, error) {
	if year := t.Year(); t.Location() != time.UTC || year < 1 || year > 9999 {
		text, err := json.Marshal(t)
		return append(b, text...), err
	}
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"'), nil
}
