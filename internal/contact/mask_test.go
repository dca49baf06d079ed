package contact

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, test := range []struct {
		kind        Kind
		value, want string
	}{
		{Email, "alice@example.org", "a•••@e•••"},
		{Email, "a@b.cd", "a•••@b•••"},
		{Mobile, "+491701234567", "•••67"},
		{Mobile, "+4917012", "•••"},
		{Mobile, "0170 1234567", "•••"},
		{Mobile, "alice@example.org", "•••"},
		{Email, "+491701234567", "•••"},
		{Email, "ümit@example.org", "•••"},
		{Email, "a@", "•••"},
		{"fax", "+491701234567", "•••"},
		{Email, "", "•••"},
	} {
		if got := Mask(test.kind, test.value); got != test.want {
			t.Errorf("%s %q: %q, want %q", test.kind, test.value, got, test.want)
		}
	}
}

func TestContactInLogs(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "contact", Contact{Kind: Email, Value: "alice@example.org"})
	if strings.Contains(out.String(), "alice") || !strings.Contains(out.String(), "a•••@e•••") {
		t.Error(out.String())
	}
}

func FuzzMask(f *testing.F) {
	f.Add("email", "alice@example.org")
	f.Add("mobile", "+491701234567")
	f.Fuzz(func(t *testing.T, kind, value string) {
		got := Mask(Kind(kind), value)
		if shown := strings.ReplaceAll(strings.ReplaceAll(got, hidden, ""), "@", ""); len(shown) > 2 {
			t.Errorf("%s %q shows %q", kind, value, got)
		}
	})
}
