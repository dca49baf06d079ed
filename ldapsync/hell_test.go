package ldapsync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"latchkey/internal/contact"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// anything is an attribute of the test servers that takes any bytes.
const anything = "audio"

// TestValuesFromHell: each value is taken in its normal form or rejected and told
// by id, attribute and reason; everyone else is taken as ever, and what was told
// is there for who looks later.
func TestValuesFromHell(t *testing.T) {
	values := []struct {
		attribute, value string
		want             string
		why              error
	}{
		{"mobile", "01512 3456789", "+4915123456789", nil},
		{"mobile", "+49 (0)1512 / 345-67.89", "+4915123456789", nil},
		{"mobile", "0049 1512 3456789", "+4915123456789", nil},
		{anything, "０１５１２３４５６７８９", "", contact.ErrNotANumber},
		{anything, "+4915123456789\u200f", "", contact.ErrNotANumber},
		{"mobile", "+4915123456789;ext=12", "", contact.ErrNotANumber},
		{"mobile", "+4915123456789 x12", "", contact.ErrNotANumber},
		{"mobile", "+4915123456789, +4915123456780", "", contact.ErrNotANumber},
		{"mobile", "tel:+4915123456789", "", contact.ErrNotANumber},
		{"mobile", strings.Repeat("9", 10_000), "", contact.ErrNotANumber},
		{anything, "\xff\xfe+4915123456789", "", contact.ErrNotANumber},
		{anything, "+49151\x00\x07\x1b[2J23456789", "", contact.ErrNotANumber},
		{alternate, "Anna@HOME.example", "Anna@home.example", nil},
		{alternate, "anna@bücher.example", "anna@xn--bcher-kva.example", nil},
		{alternate, "a@home.example, b@home.example", "", contact.ErrNotOneAddress},
		{alternate, "a@home.example;b@home.example", "", contact.ErrNotOneAddress},
		{alternate, "Anna <anna@home.example>", "", contact.ErrNotOneAddress},
		{alternate, "anna@home.example\r\nBcc: eve@evil.example", "", contact.ErrNotOneAddress},
		{alternate, "anna@home.example\x00", "", contact.ErrNotOneAddress},
		{alternate, strings.Repeat("a", 10_000) + "@home.example", "", contact.ErrAddressTooLong},
		{alternate, "ánna@home.example", "", contact.ErrLocalPart},
	}
	var ldif strings.Builder
	for i, v := range values {
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprintf("hell%03d", i), line(v.attribute, v.value)))
	}
	s := newSite(t, ldif.String()+crowd(100))
	s.Rules = contact.Config{DefaultRegion: "DE"}
	s.Config.Mobile = []string{"mobile", anything}
	report := s.run(t)
	told := make(map[string]ldapsync.Rejection)
	for _, r := range report.Rejections {
		if _, twice := told[r.Person]; twice {
			t.Errorf("told twice: %+v", r)
		}
		told[r.Person] = r
	}
	for i, v := range values {
		person := s.id(t, fmt.Sprintf("hell%03d", i))
		r, rejected := told[person]
		switch {
		case v.want != "":
			s.want(t, person, "sync "+v.want)
			if rejected {
				t.Errorf("%.60q is rejected: %+v", v.value, r)
			}
		case r.Attribute != v.attribute || r.Reason != v.why.Error():
			t.Errorf("%.60q: %+v, want %v", v.value, r, v.why)
		default:
			s.want(t, person)
		}
		delete(told, person)
	}
	if len(told) > 0 {
		t.Errorf("also rejected: %+v", told)
	}
	for _, i := range []int{0, 99} {
		s.want(t, s.id(t, fmt.Sprintf("crowd%03d", i)), fmt.Sprintf("sync crowd%d@home.example", i), fmt.Sprintf("sync +49151%08d", i))
	}
	history := ldapsync.NewHistory(s.store, s.keys)
	if err := history.Keep(t.Context(), report, nil); err != nil {
		t.Fatal(err)
	}
	if last, err := history.LastPass(t.Context(), "staff"); err != nil || len(last.Report.Rejections) != len(report.Rejections) || last.Report.Rejected != report.Rejected {
		t.Errorf("%+v, %v", last, err)
	}
	if _, err := history.LastPass(t.Context(), "other"); !errors.Is(err, ldapsync.ErrNoPast) {
		t.Errorf("another directory: %v", err)
	}
	// Redis does not tell whom it is about.
	if text, err := s.redis.Admin(t.Context(), "--raw", "KEYS", "*report*"); err != nil || text == "" {
		t.Errorf("%q, %v", text, err)
	} else if value, err := s.redis.Admin(t.Context(), "--raw", "GET", text); err != nil || value == "" || strings.Contains(value, "entryUUID") {
		t.Errorf("%.100q, %v", value, err)
	}
}
