package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// group is a group with members, by their DNs.
func group(name string, members ...string) string {
	return fmt.Sprintf("\ndn: cn=%s,ou=groups,%s\nobjectClass: groupOfNames\ncn: %s\nmember: %s\n", name, testenv.BaseDN, name, strings.Join(members, "\nmember: "))
}

func groupDN(name string) string { return "cn=" + name + ",ou=groups," + testenv.BaseDN }

// TestEachPersonReadsAsFindDoes: page by page, with state and login.
func TestEachPersonReadsAsFindDoes(t *testing.T) {
	d := open(t, configFor(testenv.NewSlapd(t, crowd(120))))
	seen := make(map[string]*directory.Person)
	err := d.EachPerson(t.Context(), 50, func(c directory.Crowd) error {
		if len(c.People) > 50 || c.Unread > 0 {
			t.Errorf("a page has %d people and %d unread", len(c.People), c.Unread)
		}
		for _, p := range c.People {
			seen[p.Login] = p
		}
		return nil
	})
	if err != nil || len(seen) != 120+len(testenv.People()) {
		t.Fatalf("%d people, %v", len(seen), err)
	}
	for _, login := range testenv.People() {
		want := find(t, d, login)
		if got := seen[login]; got == nil || got.ID != want.ID || got.DN != want.DN || got.State != want.State {
			t.Errorf("%s: %+v, want %+v", login, got, want)
		}
	}
}

// TestMembersAreGroupsTurnedRound: whatever group_filter says, the answer is that
// of a search for each person.
func TestMembersAreGroupsTurnedRound(t *testing.T) {
	slapd := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: group("inner", strings.ToUpper(testenv.PersonDN("alice")), testenv.PersonDN("young")) +
		group("middle", groupDN("inner"), testenv.PersonDN("bob")) + group("outer", groupDN("middle"), groupDN("outer")) +
		"\ndn: cn=roles,ou=groups," + testenv.BaseDN + "\nobjectClass: groupOfUniqueNames\ncn: roles\nuniqueMember: " + testenv.PersonDN("overlimit") + "\n"})
	named := []string{groupDN("inner"), groupDN("middle"), strings.ToUpper(groupDN("outer")), groupDN("roles"), testenv.ProtectedGroupDN, groupDN("nowhere")}
	for _, filter := range []string{
		directory.Defaults().GroupFilter, "(member={dn})", "(&(objectClass=groupOfNames)(member={dn}))",
		"(&(!(cn=middle))(|(member={dn})(uniqueMember={dn})))",
		"(|(member={dn})(&(cn=roles)(uniqueMember={dn})))", // cannot be turned round
	} {
		for _, depth := range []int{1, 2, 4} {
			c := configFor(slapd)
			c.GroupFilter, c.GroupDepth = filter, depth
			d := open(t, c)
			members, err := d.Members(t.Context(), named)
			if err != nil {
				t.Fatal(err)
			}
			for _, login := range testenv.People() {
				p := find(t, d, login)
				want, err := d.Groups(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				want = slices.DeleteFunc(want, func(dn string) bool {
					return !slices.ContainsFunc(named, func(n string) bool { return directory.NormalDN(n) == dn })
				})
				got, err := members.Groups(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				got = slices.DeleteFunc(got, func(dn string) bool {
					return !slices.ContainsFunc(named, func(n string) bool { return directory.NormalDN(n) == dn })
				})
				slices.Sort(got)
				slices.Sort(want)
				if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
					t.Errorf("%s, depth %d, %s: (-by person +by group)\n%s", filter, depth, login, diff)
				}
			}
		}
	}
}

// TestMembersAsksNoPerson: the search for groups does not come with each person.
func TestMembersAsksNoPerson(t *testing.T) {
	slapd := testenv.NewSlapd(t, crowd(300))
	d := open(t, configFor(slapd))
	members, err := d.Members(t.Context(), []string{testenv.ProtectedGroupDN, testenv.NotEnabledGroupDN})
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Count(slapdLog(t, slapd), " SRCH base=")
	protected := 0
	err = d.EachPerson(t.Context(), 100, func(c directory.Crowd) error {
		for _, p := range c.People {
			groups, err := members.Groups(t.Context(), p)
			if err != nil {
				return err
			}
			if slices.Contains(groups, directory.NormalDN(testenv.ProtectedGroupDN)) {
				protected++
			}
		}
		return nil
	})
	if err != nil || protected != 1 {
		t.Errorf("%d protected, %v", protected, err)
	}
	if n := strings.Count(slapdLog(t, slapd), " SRCH base=") - before; n > 8 {
		t.Errorf("%d searches for 309 people in pages of 100", n)
	}
}

// TestFindAllFindsAsFindDoes, for filters that let many be asked for at once and
// for others.
func TestFindAllFindsAsFindDoes(t *testing.T) {
	twice := "\ndn: cn=Alice Again,ou=people," + testenv.BaseDN + "\nobjectClass: inetOrgPerson\ncn: Alice Again\nsn: Again\nuid: alice2\nuid: bob\nmail: nocontacts\n"
	slapd := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: crowd(250).LDIF + twice})
	logins := []string{"alice", "ALICE", "bob", "nobody", "", "alice2", "nocontacts", " young ", "a*", "bob)(uid=*", "alice"}
	for i := range 250 {
		logins = append(logins, fmt.Sprintf("crowd%04d", i))
	}
	for _, filter := range []string{"", "(&(objectClass=person)(|(uid={login})(mail={login})))", "(cn={login})"} {
		c := configFor(slapd)
		c.UserFilter = filter
		d := open(t, c)
		before := strings.Count(slapdLog(t, slapd), " SRCH base=")
		answers, err := d.FindAll(t.Context(), logins)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(slapdLog(t, slapd), " SRCH base=") - before; filter == "" && n > 120 { // " young " has its hundred asked one by one
			t.Errorf("%d searches for %d logins", n, len(logins))
		}
		var ids []directory.ID
		for i, login := range logins {
			p, err := d.Find(t.Context(), login)
			switch {
			case errors.Is(err, directory.ErrNotFound):
				if !errors.Is(answers[i].Err, directory.ErrNotFound) {
					t.Errorf("%q by %q: %+v, want nobody", login, filter, answers[i])
				}
			case err != nil:
				t.Fatal(err)
			case answers[i].Err != nil || answers[i].ID != p.ID:
				t.Errorf("%q by %q: %+v, want %s", login, filter, answers[i], p.ID)
			default:
				ids = append(ids, p.ID)
			}
		}
		names, err := d.Logins(t.Context(), append(ids, directory.ID{Kind: "entryUUID", Bytes: strings.Repeat("x", 16)}))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if p, err := d.Read(t.Context(), id); err != nil || names[id] != p.Login {
				t.Errorf("%s is %q, want %+v, %v", id, names[id], p, err)
			}
		}
	}
}
