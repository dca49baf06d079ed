package directorytest

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// The passwords of the suite. They have all kinds of characters and no part of
// a name, for the servers whose policy looks at that.
const (
	first  = "Zq7-vWx_first-31"
	second = "Zq7-vWx_second-32"
	third  = "Zq7-vWx_third-33"
)

// testCase is one row of the table.
type testCase struct {
	name string
	run  func(s *subject)
}

func cases() []testCase {
	return slices.Concat(findCases(), resetCases(), changeCases(), stateCases(), betweenCases(), lostCases(), oddCases())
}

// subject is one fixture in one case.
type subject struct {
	*testing.T
	Fixture
	directory *directory.Directory
	number    *atomic.Int64
}

// Table holds what came out of each case. Several fixtures may run at once.
type Table struct {
	mu      sync.Mutex
	columns []string
	results map[string]map[string]string
}

// Run runs all cases against a fixture, one after the other, and notes what came
// out.
func (tb *Table) Run(t *testing.T, f Fixture) {
	t.Helper()
	var number atomic.Int64
	known := make(map[string]bool)
	for _, c := range cases() {
		known[c.name] = true
		if why, lacks := f.Lacks[c.name]; lacks {
			tb.note(c.name, f.Name, "– "+why)
			continue
		}
		ok := t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			s := &subject{T: t, Fixture: f, number: &number}
			s.directory = s.open(f.Config)
			c.run(s)
		})
		tb.note(c.name, f.Name, map[bool]string{true: "✓", false: "✗"}[ok])
	}
	for name := range f.Lacks {
		if !known[name] {
			t.Errorf("%s lacks %q, which is no case", f.Name, name)
		}
	}
}

func (tb *Table) note(name, column, result string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.results == nil {
		tb.results = make(map[string]map[string]string)
	}
	if tb.results[name] == nil {
		tb.results[name] = make(map[string]string)
	}
	tb.results[name][column] = result
	if !slices.Contains(tb.columns, column) {
		tb.columns = append(tb.columns, column)
		slices.Sort(tb.columns)
	}
}

// String is the table, a row a case.
func (tb *Table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "case\t%s\n", strings.Join(tb.columns, "\t"))
	for _, c := range cases() {
		fmt.Fprint(w, c.name)
		for _, column := range tb.columns {
			fmt.Fprint(w, "\t"+tb.results[c.name][column])
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.String()
}

func (s *subject) open(c directory.Config) *directory.Directory {
	s.Helper()
	d, err := directory.Open(c, slog.New(slog.DiscardHandler))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(d.Close)
	return d
}

// login is one that nobody has yet.
func (s *subject) login() string { return fmt.Sprintf("cf%d", s.number.Add(1)) }

// add makes an ordinary person with the first password.
func (s *subject) add() string {
	s.Helper()
	login := s.login()
	s.do(s.Entry(login, first))
	return login
}

// do is what the administrator does.
func (s *subject) do(ldif string) {
	s.Helper()
	if err := s.Modify(s.Context(), ldif); err != nil {
		s.Fatalf("%v of\n%s", err, ldif)
	}
}

func (s *subject) find(login string) *directory.Person {
	s.Helper()
	p, err := s.directory.Find(s.Context(), login)
	if err != nil {
		s.Fatalf("find %s: %v", login, err)
	}
	return p
}

// letsIn wants a sign-in to work with the first password, and with none of the
// others.
func (s *subject) letsIn(dn, password string, others ...string) {
	s.Helper()
	if err := s.SignIn(s.Context(), dn, password); err != nil {
		s.Errorf("the password that should be in force is refused: %v", err)
	}
	for _, other := range others {
		if err := s.SignIn(s.Context(), dn, other); err == nil {
			s.Errorf("another password lets the person in too")
		}
	}
}

// eventually waits for a condition.
func (s *subject) eventually(what string, condition func() bool) {
	s.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			s.Fatalf("it never became true that %s", what)
		}
	}
}

// proxied is the same directory through a proxy.
func (s *subject) proxied() (*directory.Directory, *testenv.LDAPProxy) {
	s.Helper()
	proxy := s.Proxy(s)
	c := s.Config
	c.Servers = []string{proxy.LDAPSURL}
	return s.open(c), proxy
}
