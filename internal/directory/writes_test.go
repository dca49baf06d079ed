package directory_test

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// kept are the attributes that slapd itself keeps with each change (slapd.conf,
// lastmod; slapo-ppolicy(5)).
var kept = []string{"entryCSN", "modifiersName", "modifyTimestamp", "pwdChangedTime", "pwdFailureTime", "pwdHistory"}

// TestS31_NothingElseIsWritten resets a hundred people in each way, half of
// them with the minimum age in the way, and reads slapd's own record of it.
func TestS31_NothingElseIsWritten(t *testing.T) {
	t.Parallel()
	const people = 100
	for name, test := range map[string]struct {
		change   func(*directory.Config)
		requests map[string]int // what slapd was asked for
		changed  []string       // what changed besides kept
	}{
		"direct": {
			func(*directory.Config) {},
			map[string]int{"PASSMOD": people},
			[]string{"replace userPassword"},
		},
		"must-change": {
			func(c *directory.Config) { c.MustChange = true },
			map[string]int{"PASSMOD": people, "MOD pwdReset": people / 2},
			[]string{"replace pwdReset", "replace userPassword"},
		},
		"must-change-first": {
			func(c *directory.Config) { c.WriteStrategy = string(directory.FlagFirst) },
			map[string]int{"PASSMOD": people/2 + 4*people/2, "MOD pwdReset": 3 * people / 2},
			// slapd takes the flag away with the password; the refused ones are
			// taken back by us.
			[]string{"delete pwdReset", "replace pwdReset", "replace userPassword"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testenv.NewSlapd(t, hundred(people))
			c := configFor(s)
			test.change(&c)
			d := open(t, c)
			for i := range people {
				p := find(t, d, fmt.Sprintf("p%d", i))
				if err := d.SetPassword(t.Context(), p, second); (err != nil) != (i%2 == 1 && c.WriteStrategy == string(directory.Direct)) {
					t.Fatalf("p%d: %v", i, err)
				}
				if i%2 == 1 && c.WriteStrategy != string(directory.Direct) {
					wantRefused(t, d.SetPassword(t.Context(), find(t, d, p.Login), second), directory.Unchanged)
				}
			}
			wantPassword(t, s, "p0", second, testenv.FirstPassword)
			wantFlag(t, s, "p1", false)
			if got := requests(t, s); !maps.Equal(got, test.requests) {
				t.Errorf("slapd was asked for %v, want %v", got, test.requests)
			}
			if got := changes(t, s); !slices.Equal(got, test.changed) {
				t.Errorf("changed: %q, want %q", got, test.changed)
			}
		})
	}
}

// hundred are people of whom every other one set the password just now.
func hundred(n int) testenv.SlapdOptions {
	options := flagging()
	options.AuditLog = true
	var ldif strings.Builder
	for i := range n {
		var lines []string
		if i%2 == 1 {
			lines = []string{"pwdPolicySubentry: " + testenv.YoungPolicyDN, "pwdChangedTime: " + time.Now().UTC().Format("20060102150405Z")}
		}
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprintf("p%d", i), lines...))
	}
	options.LDIF = ldif.String()
	return options
}

// requests counts what slapd was asked to change, by its own log.
func requests(t *testing.T, s *testenv.Slapd) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for line := range strings.Lines(slapdLog(t, s)) {
		for _, write := range []string{" ADD dn=", " DEL dn=", " MODRDN dn=", " PASSMOD "} {
			if strings.Contains(line, write) {
				counts[strings.Fields(write)[0]]++
			}
		}
		if _, attributes, ok := strings.Cut(line, " MOD attr="); ok {
			counts["MOD "+strings.TrimSpace(attributes)]++
		}
	}
	return counts
}

// changes lists what became of the people, by slapd's record of changes, and
// checks each against the list of what may be written.
func changes(t *testing.T, s *testenv.Slapd) []string {
	t.Helper()
	file, err := os.Open(s.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	listed := make(map[string]bool)
	for _, p := range directory.Writes() {
		listed[p.Attribute] = listed[p.Attribute] || p.Flavor == "openldap"
	}
	found := make(map[string]bool)
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		line := scanner.Text()
		if dn, ok := strings.CutPrefix(line, "dn: "); ok && !strings.HasPrefix(dn, "uid=p") {
			t.Errorf("somebody else was written: %s", dn)
		}
		kind, attribute, ok := strings.Cut(line, ": ")
		if !ok || !slices.Contains([]string{"add", "delete", "replace", "increment"}, kind) || slices.Contains(kept, attribute) {
			continue
		}
		if !listed[attribute] {
			t.Errorf("%s is written and not listed", attribute)
		}
		found[kind+" "+attribute] = true
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(found))
}

// TestWritesAreDocumented holds the operator's pages, one a flavor under its name,
// against the list.
func TestWritesAreDocumented(t *testing.T) {
	rows := make(map[string][]string)
	for _, p := range directory.Writes() {
		how := cmp.Or(map[string]string{"exop": "Password Modify"}[p.Change], p.Change)
		rows[p.Flavor] = append(rows[p.Flavor], fmt.Sprintf("| %s | `%s` | %s | %s | `%s` |\n", p.Operation, p.Attribute, how, valueInWords(p), p.Right))
	}
	for flavor := range rows {
		name := "docs/directories/" + flavor + ".md"
		page, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[flavor] {
			if !strings.Contains(string(page), row) {
				t.Errorf("%s lacks the row\n%s", name, row)
			}
		}
		if n := strings.Count(string(page), "\n| ") - 1; n != len(rows[flavor]) {
			t.Errorf("%s has %d rows, the list %d", name, n, len(rows[flavor]))
		}
	}
}

// valueInWords is what the page of a flavor says of a value that is not fixed.
func valueInWords(p directory.Permission) string {
	switch {
	case p.Value != "":
		return p.Value
	case p.Change == "exop":
		return "the new password"
	case p.Attribute != "unicodePwd":
		return "the lock that was seen"
	case p.Change == "delete":
		return "the old password"
	case p.Operation == directory.TemporaryThenChange:
		return "a random password"
	default:
		return "the new password"
	}
}
