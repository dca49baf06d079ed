package contact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// people is a directory of logins.
type people map[string]string

func (p people) Persons(_ context.Context, directory string, logins []string) ([]string, error) {
	switch directory {
	case "away":
		return nil, errors.New("no connection")
	case "staff":
		found := make([]string, len(logins))
		for i, login := range logins {
			found[i] = p[login]
		}
		return found, nil
	}
	return nil, fmt.Errorf("resolve: %w", ErrUnknownDirectory)
}

func (p people) Logins(_ context.Context, directory string, persons []string) ([]string, error) {
	if directory != "staff" {
		return nil, ErrUnknownDirectory
	}
	found := make([]string, len(persons))
	for i, person := range persons {
		for login, id := range p {
			if id == person {
				found[i] = login
			}
		}
	}
	return found, nil
}

// anyone is a directory in which everyone has the login of their id.
type anyone struct{}

func (anyone) Persons(_ context.Context, _ string, logins []string) ([]string, error) {
	persons := make([]string, len(logins))
	for i, login := range logins {
		persons[i] = "id:" + login
	}
	return persons, nil
}

func (anyone) Logins(_ context.Context, _ string, persons []string) ([]string, error) {
	logins := make([]string, len(persons))
	for i, person := range persons {
		logins[i] = strings.TrimPrefix(person, "id:")
	}
	return logins, nil
}

const (
	csvFile  = "people.csv"
	jsonFile = "people.jsonl"
)

// fileOf writes a file with so many rows, two for each person.
func fileOf(t *testing.T, name string, rows int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var b strings.Builder
	// Long addresses, so that it is seen when all of them are kept.
	domain := strings.Repeat("long-name.", 18) + "example"
	if name == csvFile {
		b.WriteString("login,email,mobile\n")
	}
	for i := range rows / 2 {
		if name == csvFile {
			fmt.Fprintf(&b, "person%06d,a%d@%s,'+49151%08d\nperson%06d,b%d@%s,\n", i, i, domain, i, i, i, domain)
		} else {
			fmt.Fprintf(&b, `{"directory":"staff","person":"id:person%06d","contacts":[{"kind":"email","value":"a%d@%s","source":"staff","added_at":"2026-11-01T00:00:00Z"}]}`+"\n", i, i, domain)
			fmt.Fprintf(&b, `{"login":"person%06d","email":["b%d@%s"],"mobile":"+49151%08d"}`+"\n", i, i, domain, i)
		}
	}
	if _, err := f.WriteString(b.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return f
}

// residentMiB is the memory of this process.
func residentMiB(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var all, resident int
	if _, err := fmt.Sscan(string(text), &all, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize() >> 20
}

// TestImportOfAnySizeStaysSmall: of 50,000 rows only a batch and some bytes a
// person lie in memory, and all of them are imported.
func TestImportOfAnySizeStaysSmall(t *testing.T) {
	const mostMiB = 28
	for name, rows := range map[string]int{csvFile: 50_000, jsonFile: 20_000} {
		s, _ := newStore(t)
		file := fileOf(t, name, rows)
		before, highest, batches := residentMiB(t), 0, 0
		i := &Importer{Store: s, Resolver: anyone{}, Directory: "staff"}
		i.Written = func(_ context.Context, some []Owner) error {
			if len(some) > batch {
				t.Errorf("%d people in a batch", len(some))
			}
			if batches++; batches%20 == 0 {
				highest = max(highest, residentMiB(t))
			}
			return nil
		}
		result, err := i.Import(t.Context(), file)
		if err != nil || result.Rows != rows || result.People != rows/2 || result.Contacts != rows+rows/2 || result.Changed != rows/2 || result.NextLine != 0 {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		if highest == 0 || highest-before > mostMiB {
			t.Errorf("%s: %d MiB more than before in %d batches, want at most %d", name, highest-before, batches, mostMiB)
		}
		people := 0
		if err := s.Each(t.Context(), func(c Card) error {
			if people++; len(c.Contacts) != 3 {
				t.Errorf("%s: %+v", name, c)
			}
			return nil
		}); err != nil || people != rows/2 {
			t.Errorf("%s: %d cards, %v", name, people, err)
		}
		runtime.KeepAlive(file)
	}
}

// TestImportThatIsStoppedGoesOn from the line that it tells, or from the
// beginning, and ends as one that was not stopped.
func TestImportThatIsStoppedGoesOn(t *testing.T) {
	const rows = 6000
	for _, fromLine := range []bool{true, false} {
		s, _ := newStore(t)
		ctx, stop := context.WithCancel(t.Context())
		told := 0
		i := &Importer{Store: s, Resolver: anyone{}, Directory: "staff", Written: func(_ context.Context, some []Owner) error {
			if told += len(some); told >= 3*batch {
				stop()
			}
			return nil
		}}
		first, err := i.Import(ctx, fileOf(t, csvFile, rows))
		// Two rows a person, below the line of the header.
		if want := 2 + 2*3*batch; !errors.Is(err, context.Canceled) || first.Changed != 3*batch || first.NextLine != want {
			t.Fatalf("%+v, %v; want to go on from line %d", first, err, want)
		}
		i.Written = nil
		if fromLine {
			i.FromLine = first.NextLine
		}
		second, err := i.Import(t.Context(), fileOf(t, csvFile, rows))
		if err != nil || second.Changed != rows/2-3*batch || fromLine && second.Rows != rows-2*3*batch {
			t.Errorf("%+v, %v", second, err)
		}
		people := 0
		if err := s.Each(t.Context(), func(c Card) error {
			if people++; len(c.Contacts) != 3 {
				t.Errorf("%+v", c)
			}
			return nil
		}); err != nil || people != rows/2 {
			t.Errorf("%d cards, %v", people, err)
		}
	}
}

// TestImportOfScatteredRows: the rows of a person need not follow each other, but
// then an import that was stopped begins anew.
func TestImportOfScatteredRows(t *testing.T) {
	s, _ := newStore(t)
	var file strings.Builder
	file.WriteString("login,email\n")
	for _, round := range []string{"a", "b"} {
		for i := range 700 {
			fmt.Fprintf(&file, "person%d,%s%d@home.example\n", i, round, i)
		}
	}
	i := &Importer{Store: s, Resolver: anyone{}, Directory: "staff"}
	result, err := i.Import(t.Context(), io.MultiReader(strings.NewReader(file.String()))) // cannot go back
	if err != nil || result.People != 700 || result.Contacts != 1400 || result.Changed != 700 {
		t.Errorf("%+v, %v", result, err)
	}
	for _, n := range []int{0, 699} {
		card, err := s.Get(t.Context(), "staff", fmt.Sprintf("id:person%d", n))
		want := []string{fmt.Sprintf("a%d@home.example", n), fmt.Sprintf("b%d@home.example", n)}
		var got []string
		for _, c := range card.Contacts {
			got = append(got, c.Value)
		}
		if diff := gocmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	i.FromLine = 702
	if result, err = i.Import(t.Context(), strings.NewReader(file.String())); !errors.Is(err, ErrBadRows) || !errors.Is(result.Errors[0], ErrAbove) || result.Bad != 700 {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestJSONLines: each line that is not meant is told, none of it is repeated, and
// the others are taken.
func TestJSONLines(t *testing.T) {
	lines := []string{
		`{"login":"alice","email":"Alice@HOME.example","mobile":["+49 151 23456789","+491701234567"]}`,
		`{"login":"alice","emails":"secret@home.example"}`,
		`{"login":"alice","email":"secret@home.example"} {}`,
		`{"login":"alice","email":"secret"}`,
		`{"login":"","email":"secret@home.example"}`,
		`{"login":"ali\u0000ce","email":"secret@home.example"}`,
		"{\"login\":\"secret\xff\",\"email\":\"secret@home.example\"}",
		`{"login":"alice","contacts":[{"kind":"fax","value":"secret"}]}`,
		`{"login":"alice"}`,
		`["secret"]`,
		`{"login":"` + strings.Repeat("secret", maxLine/6) + `","email":"a@home.example"}`,
		`   `,
		`{"person":"id:bob","contacts":[{"kind":"mobile","value":"+491701234567"}],"directory":"staff"}`,
		`{"person":"id:carol","contacts":[{"kind":"mobile","value":"+491701234567","unverified":true}]}`,
	}
	var rows []Row
	var faults []RowError
	err := eachRow(strings.NewReader("\ufeff\n"+strings.Join(lines, "\n")), Config{}, func(row Row) error { rows = append(rows, row); return nil }, func(fault RowError) { faults = append(faults, fault) })
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Line: 2, Login: "alice", Others: []Address{{Kind: Email, Value: "Alice@home.example"}, {Kind: Mobile, Value: "+4915123456789"}, {Kind: Mobile, Value: "+491701234567"}}},
		{Line: 14, Directory: "staff", Person: "id:bob", Others: []Address{{Kind: Mobile, Value: "+491701234567"}}},
	}
	if diff := gocmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, want := range []error{ErrJSON, ErrJSON, ErrNotOneAddress, ErrNoLogin, ErrControl, ErrEncoding, ErrJSON, ErrNoContact, ErrJSON, ErrLineTooLong} {
		if i >= len(faults) || faults[i].Line != i+3 || !errors.Is(faults[i], want) || strings.Contains(faults[i].Error(), "secret") {
			t.Errorf("line %d: %v, want %v", i+3, faults[min(i, len(faults)-1)], want)
		}
	}
	if len(faults) != 10 {
		t.Errorf("%d faults: %v", len(faults), faults)
	}
}
