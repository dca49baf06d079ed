package contact

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/keyring"
)

// FuzzCard: a card opens for whom it was sealed and only as it was sealed.
func FuzzCard(f *testing.F) {
	s := &Store{keys: keyring.Generate()}
	c := Card{Directory: "staff", Person: "entryUUID:00", Contacts: []Contact{{Kind: Email, Value: "a@example.org", Source: Staff, AddedAt: time.Unix(1, 0).UTC()}}}
	key, sealed, err := s.seal(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key, sealed)
	f.Add(key+"x", sealed)
	f.Add(key, sealed[1:])
	f.Add(key, append(bytes.Clone(sealed), 0))
	f.Add("", []byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, as string, text []byte) {
		got, err := s.open(as, text)
		if err != nil {
			if !errors.Is(err, ErrCardUnreadable) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		if as != key || !bytes.Equal(text, sealed) {
			t.Errorf("opened what was not sealed")
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzExport: whatever a directory holds as logins, a file of contacts has no
// formula in it and names the same people when it comes back.
func FuzzExport(f *testing.F) {
	for _, login := range []string{
		"alice", `=HYPERLINK("http://evil.example","x")`, "+1", "-1+1", "@SUM(A1)", "\tx", "'=x", "''x", "a\r\nb", "a\rb", "a\nb", `a"b`, `"`, "a,b;c",
		"al\x00ice", "\ufeffx", " x ", "", "  ", "\xff", "\u202ex", "＝1", " +", "' =", "'  '", `\.`, "#x", "login,email",
	} {
		f.Add(login, "staff")
	}
	f.Add("alice", "=1")
	f.Fuzz(func(t *testing.T, login, directory string) {
		if directory != "" && !typable(directory) {
			t.Skip("no operator writes such a name")
		}
		c := Card{Directory: directory, Person: "p", Contacts: []Contact{{Kind: Email, Value: "+a@example.org"}, {Kind: Mobile, Value: "+491701234567"}}}
		var out bytes.Buffer
		skipped, err := WriteCSV(&out, time.Now(), func(yield func(Card, error) bool) { yield(c, nil) }, func(string, []string) ([]string, error) { return []string{login}, nil })
		if err != nil {
			t.Fatal(err)
		}
		cells, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range slices.Concat(cells...) {
			if strings.IndexAny(strings.TrimLeft(cell, " "), "=+-@＝＋－＠") == 0 {
				t.Errorf("%q is a formula", cell)
			}
			if strings.ContainsFunc(cell, unicode.IsControl) {
				t.Errorf("%q has a control character", cell)
			}
		}
		rows, faults := ParseCSV(&out, Config{})
		if len(faults) > 0 || len(rows)+skipped != 1 {
			t.Fatalf("%q came back as %v with %v, %d left out", login, rows, faults, skipped)
		}
		want := Row{Line: 2, Directory: directory, Login: login, Email: "+a@example.org", Mobile: "+491701234567"}
		if skipped == 0 {
			if diff := cmp.Diff(want, rows[0]); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// FuzzImport: a row is taken only as it is meant, and what is said of the others
// repeats nothing of them.
func FuzzImport(f *testing.F) {
	for _, text := range []string{
		"login,email,mobile\nalice,a@example.org,+491701234567\n", "\ufefflogin,email\r\nalice,a@example.org\r\n", "mobile,login\n'+491701234567,'=x\n",
		"login,email\n\"a\r\nb\",a@example.org\n", "login,email\nalice,\"a@example.org\n\"\n", "login,email,email\nx,y,z\n", "LOGIN , EMAIL\nx,=a@b.example\n",
		"login,email\n\x1b[2J,a@example.org\n", "login;email\nx;y\n", "login,email\n\n\n\"\n", "login,email\na\x00b,a@example.org",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, faults := ParseCSV(bytes.NewReader(file), Config{DefaultRegion: "DE"})
		lines := bytes.Count(file, []byte("\n")) + bytes.Count(file, []byte("\r")) + 1
		last := 1
		for _, row := range rows {
			if row.Line <= last || row.Line > lines {
				t.Errorf("line %d of %d after %d", row.Line, lines, last)
			}
			last = row.Line
			email, emailErr := NormalEmail(row.Email)
			mobile, mobileErr := NormalMobile(row.Mobile, "")
			if row.Email != "" && (emailErr != nil || email != row.Email) || row.Mobile != "" && (mobileErr != nil || mobile != row.Mobile) {
				t.Errorf("not in normal form: %+v", row)
			}
			if strings.ContainsFunc(row.Login+row.Directory, unicode.IsControl) {
				t.Errorf("nobody has such a login: %+v", row)
			}
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > lines {
				t.Errorf("a fault on line %d of %d", fault.Line, lines)
			}
			if strings.ContainsFunc(fault.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q does more than being read", fault.Error())
			}
		}
	})
}
