package contact

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestParseCSV(t *testing.T) {
	const file = "\ufeffMobile,login,EMAIL,directory\r\n" +
		"0170 1234567,alice,Alice@EXAMPLE.org,\r\n" +
		"'+491701234568,\"bob, jr\",,staff\r\n" +
		",\"multi\r\nline\",a@example.org,\r\n" +
		"\r\n" +
		",'=cmd,a@example.org,\r\n" +
		",'quoted,a@example.org,\r\n"
	rows, faults := ParseCSV(strings.NewReader(file), Config{DefaultRegion: "DE"})
	want := []Row{
		{Line: 2, Login: "alice", Email: "Alice@example.org", Mobile: "+491701234567"},
		{Line: 3, Login: "bob, jr", Mobile: "+491701234568", Directory: "staff"},
		{Line: 7, Login: "=cmd", Email: "a@example.org"},
		{Line: 8, Login: "'quoted", Email: "a@example.org"},
	}
	broken := []RowError{{4, "", ErrControl}} // no login has a line break
	if diff := gocmp.Diff(want, rows) + gocmp.Diff(broken, faults, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("%v (-want +got):\n%s", faults, diff)
	}
}

func TestEveryBadRowIsReported(t *testing.T) {
	const file = "login,email,mobile\n" +
		"alice,alice@example.org,\n" +
		",x@example.org,\n" + // 3
		"bob,,\n" + // 4
		"carol,carol,0170 1234567\n" + // 5: two faults
		"dave,dave@corp.example,\n" + // 6
		"erin,erin@mail.Corp.example,\n" + // 7
		"fay,fay@example.org\n" + // 8: a column is missing
		"g\"us,gus@example.org,\n" + // 9
		"hal\xff,hal@example.org,\n" + // 10
		"ivy,ivy@example.org,+491701234567\n" +
		"\"open,x@example.org,\n" // 12
	rows, faults := ParseCSV(strings.NewReader(file), Config{CorporateDomains: []string{"CORP.example"}})
	want := []RowError{
		{3, columnLogin, ErrNoLogin},
		{4, "", ErrNoContact},
		{5, columnEmail, ErrNotOneAddress},
		{5, columnMobile, ErrNoRegion},
		{6, columnEmail, ErrCorporate},
		{7, columnEmail, ErrCorporate},
		{8, "", ErrQuoting},
		{9, "", ErrQuoting},
		{10, "", ErrEncoding},
		{12, "", ErrQuoting},
	}
	if diff := gocmp.Diff(want, faults, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(rows) != 2 || rows[0].Login != "alice" || rows[1].Login != "ivy" {
		t.Errorf("good rows: %v", rows)
	}
	if got := faults[2].Error(); !strings.HasPrefix(got, "line 5, email: this is not one plain e-mail address") {
		t.Error(got)
	}
}

// TestHeaders: a bad first line is told as such, with what is probably meant,
// and without what a person's line holds.
func TestHeaders(t *testing.T) {
	for file, want := range map[string]string{
		"":                            "it is empty",
		"login;email;mobile\n":        "separated by semicolons",
		"login\temail\n":              "separated by semicolons or tabs",
		"login,email,telephone\n":     `"telephone" is not a column; mobile is`,
		"login,e-mail\n":              `"e-mail" is not a column; email is`,
		"Username,email\n":            `"username" is not a column; login is`,
		"login,email,shoesize\n":      `"shoesize" is not a column`,
		"login,email,email\n":         "email stands there twice",
		"email,mobile\n":              "there is no column login",
		"login,directory\n":           "neither a column email nor one mobile",
		"lo\"gin,email\n":             "its quotes do not add up",
		"alice,alice@x.example,\n":    "it looks like a person's line",
		"zo\xeb,login,email,mobile\n": "it is not in UTF-8",
	} {
		rows, faults := ParseCSV(strings.NewReader(file), Config{})
		if len(rows) != 0 || len(faults) != 1 || !errors.Is(faults[0], ErrHeader) || faults[0].Line != 1 || !strings.Contains(faults[0].Error(), want) {
			t.Errorf("%q: %v, %v; want %q", file, rows, faults, want)
		}
		if strings.Contains(faults[0].Error(), "alice") {
			t.Errorf("%q is repeated: %v", file, faults)
		}
	}
}

// TestABadHeaderImportsNothing, also with SkipBad, and is no bad row.
func TestABadHeaderImportsNothing(t *testing.T) {
	importer := Importer{SkipBad: true}
	result, err := importer.Import(t.Context(), strings.NewReader("login;email\nalice;a@x.example\n"))
	if !errors.Is(err, ErrHeader) || errors.Is(err, ErrBadRows) || result.Rows != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestAFileThatCannotBeReadImportsNothing: half a file is no file.
func TestAFileThatCannotBeReadImportsNothing(t *testing.T) {
	for _, begin := range []string{"", "login,email\n", "login,email\nalice,a@x.example\nbob,bad\n"} {
		gone := errors.New("gone")
		importer := Importer{SkipBad: true, Resolver: people{"alice": "p1"}, Directory: "staff"}
		_, err := importer.Import(t.Context(), io.MultiReader(strings.NewReader(begin), iotest.ErrReader(gone)))
		if !errors.Is(err, ErrRead) || !errors.Is(err, gone) || errors.Is(err, ErrBadRows) {
			t.Errorf("%q: %v", begin, err)
		}
	}
}

var ignoreTime = cmpopts.IgnoreFields(Contact{}, "AddedAt")

func TestImport(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	own := Contact{Kind: Mobile, Value: "+491701111111", Source: Staff}
	alice := card("p1", "old@example.org", "kept@example.org")
	alice.Contacts = append(alice.Contacts, own)
	bob := card("p2", "bob@example.org")
	if err := s.PutAll(ctx, []Card{alice, bob}); err != nil {
		t.Fatal(err)
	}
	i := &Importer{Store: s, Resolver: people{"alice": "p1", "Alice": "p1", "carol": "p3"}, Directory: "staff", DryRun: true}
	const file = "login,email,mobile,directory\n" +
		"alice,kept@example.org,+491701111111,\n" +
		"Alice,new@example.org,,staff\n" +
		"alice,new@example.org,,\n" +
		"carol,new@example.org,+491702222222,\n"
	want := Result{Rows: 4, People: 2, Contacts: 5, Warnings: []RowError{{5, columnEmail, ErrShared}}}
	check := func() {
		t.Helper()
		got, err := i.Import(ctx, strings.NewReader(file))
		if diff := gocmp.Diff(want, got, cmpopts.EquateErrors(), cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	check()
	if got, err := s.Get(ctx, "staff", "p1"); err != nil || !gocmp.Equal(alice, got) {
		t.Errorf("a dry run changed %v, %v", got, err)
	}
	i.DryRun = false
	want.Changed = 2
	var changed []Owner
	i.Written = func(_ context.Context, some []Owner) error { changed = append(changed, some...); return nil }
	check()
	if diff := gocmp.Diff([]Owner{{"staff", "p1"}, {"staff", "p3"}}, changed); diff != "" {
		t.Errorf("told of (-want +got):\n%s", diff)
	}
	want.Changed = 0 // nothing is left to change
	check()
	got, err := s.Get(ctx, "staff", "p1")
	wantCard := Card{Directory: "staff", Person: "p1", Contacts: []Contact{
		own,
		{Kind: Email, Value: "kept@example.org", Source: Imported},
		{Kind: Email, Value: "new@example.org", Source: Imported},
	}}
	if diff := gocmp.Diff(wantCard, got, ignoreTime); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got.Contacts[1].AddedAt != alice.Contacts[1].AddedAt || time.Since(got.Contacts[2].AddedAt) > time.Minute {
		t.Errorf("times: %v", got.Contacts)
	}
	if got, err := s.Get(ctx, "staff", "p2"); err != nil || !gocmp.Equal(bob, got) {
		t.Errorf("another person changed: %v, %v", got, err)
	}
	before := got.Version()
	check()
	if got, _ := s.Get(ctx, "staff", "p1"); got.Version() != before {
		t.Error("the same import again changed the contacts")
	}
}

func TestBadRowsKeepAllBack(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	i := &Importer{Store: s, Resolver: people{"alice": "p1"}, Directory: "staff"}
	const file = "login,email,directory\nalice,a@example.org,\nmallory,m@example.org,\nbob,bob,\nalice,a@example.org,other\n"
	want := []RowError{{3, columnLogin, ErrUnknownLogin}, {4, columnEmail, ErrNotOneAddress}, {5, columnDirectory, ErrUnknownDirectory}}
	got, err := i.Import(ctx, strings.NewReader(file))
	if diff := gocmp.Diff(want, got.Errors, cmpopts.EquateErrors()); !errors.Is(err, ErrBadRows) || diff != "" || got.Bad != 3 || got.Rows != 4 {
		t.Errorf("%v, %+v (-want +got):\n%s", err, got, diff)
	}
	if _, err := s.Get(ctx, "staff", "p1"); !errors.Is(err, ErrNoCard) {
		t.Errorf("something was written: %v", err)
	}
	i.SkipBad = true
	if got, err := i.Import(ctx, strings.NewReader(file)); err != nil || got.Bad != 3 || got.People != 1 {
		t.Errorf("%v, %+v", err, got)
	}
	if got, err := s.Get(ctx, "staff", "p1"); err != nil || len(got.Contacts) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := i.Import(ctx, strings.NewReader("login,email,directory\nalice,a@example.org,away\n")); err == nil || errors.Is(err, ErrBadRows) {
		t.Errorf("without a directory: %v", err)
	}
	i.Directory = ""
	if got, _ := i.Import(ctx, strings.NewReader("login,email\nalice,a@example.org\n")); !errors.Is(got.Errors[0], ErrNoDirectory) {
		t.Errorf("no directory named: %v", got.Errors)
	}
}

func TestS59_ExportIsSafeAndComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		login := rapid.StringMatching(`['=+@\-a-z,"]{0,3}[a-z]'?`).Draw(t, "login")
		c := card(login, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"=a@example.org", "+a@example.org", "-a@example.org", "'a@example.org", "'=a@example.org", "a@example.org",
			"+491701234567", "+491701234568", "+491701234569",
		}), 1, 9, rapid.ID).Draw(t, "contacts")...)
		all := func(yield func(Card, error) bool) { yield(c, nil) }
		var out bytes.Buffer
		if _, err := WriteCSV(&out, time.Now(), all, func(_ string, persons []string) ([]string, error) { return persons, nil }); err != nil {
			t.Fatal(err)
		}
		for _, danger := range []string{"\n=", "\n+", "\n-", "\n@", "\n\t", ",=", ",+", ",-", ",@", ",\t", `"=`, `"+`, `"-`, `"@`, "\"\t"} {
			if strings.Contains(strings.ReplaceAll(out.String(), strings.ReplaceAll(login, `"`, `""`), "x"), danger) {
				t.Fatalf("%q in %q", danger, out.String())
			}
		}
		rows, faults := ParseCSV(&out, Config{})
		if len(faults) != 0 {
			t.Fatal(faults)
		}
		var want, got []string
		for _, contact := range c.Contacts {
			want = append(want, contact.Value)
		}
		for _, row := range rows {
			if row.Login != login || row.Directory != "staff" {
				t.Fatalf("%q became %q", login, row.Login)
			}
			for _, v := range []string{row.Email, row.Mobile} {
				if v != "" {
					got = append(got, v)
				}
			}
		}
		if slices.SortFunc(got, cmp.Compare); !slices.Equal(slices.Sorted(slices.Values(want)), got) {
			t.Fatalf("%v became %v", want, got)
		}
	})
}

func TestExportLeavesOutWhoIsGone(t *testing.T) {
	s, _ := newStore(t)
	if err := s.PutAll(t.Context(), []Card{card("p1", "a@example.org"), card("p2", "b@example.org")}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	skipped, err := WriteCSV(&out, time.Now(), s.All(t.Context()), func(_ string, persons []string) ([]string, error) {
		logins := make([]string, len(persons))
		for i, person := range persons {
			if person != "p1" {
				logins[i] = "bob"
			}
		}
		return logins, nil
	})
	if want := "login,email,mobile,directory\r\nbob,b@example.org,,staff\r\n"; out.String() != want || skipped != 1 || err != nil {
		t.Errorf("%q, %d, %v", out.String(), skipped, err)
	}
}

func FuzzParseCSV(f *testing.F) {
	f.Add([]byte("login,email,mobile\nalice,a@example.org,+491701234567\n\"x"))
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, _ := ParseCSV(bytes.NewReader(file), Config{})
		for _, row := range rows {
			if row.Login == "" || row.Email == "" && row.Mobile == "" {
				t.Errorf("%+v", row)
			}
		}
	})
}
