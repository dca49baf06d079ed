package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// TestGroupsOfGroups has alice in 60 groups, the last of which is in one, which
// is in a circle of two.
func TestGroupsOfGroups(t *testing.T) {
	t.Parallel()
	const direct = 60
	dn := func(cn string) string { return "cn=" + cn + ",ou=groups," + testenv.BaseDN }
	var ldif strings.Builder
	group := func(cn string, members ...string) {
		fmt.Fprintf(&ldif, "\ndn: %s\nobjectClass: groupOfNames\ncn: %s\nmember: %s\n", dn(cn), cn, strings.Join(members, "\nmember: "))
	}
	var last string
	for i := range direct {
		cn := fmt.Sprintf("team%d", i)
		group(cn, testenv.PersonDN("alice"))
		last = dn(cn)
	}
	group("one", last, dn("two"))
	group("two", dn("one"))
	s := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: strings.TrimPrefix(ldif.String(), "\n")})
	for depth, want := range map[int]int{1: direct, 2: direct + 1, 3: direct + 2, 10: direct + 2} {
		c := configFor(s)
		c.GroupDepth = depth
		d := open(t, c)
		groups, err := d.Groups(t.Context(), find(t, d, "alice"))
		if err != nil || len(groups) != want {
			t.Errorf("depth %d: %d groups, %v, want %d", depth, len(groups), err, want)
		}
		if got := slices.Contains(groups, directory.NormalDN(dn("two"))); got != (depth > 2) {
			t.Errorf("depth %d: the group two is found: %t", depth, got)
		}
		if groups, err := d.Groups(t.Context(), find(t, d, "bob")); err != nil || len(groups) != 0 {
			t.Errorf("bob is in %d groups, %v", len(groups), err)
		}
	}
}
