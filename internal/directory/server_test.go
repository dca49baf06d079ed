package directory

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-ldap/ldap/v3"
)

func TestServersByHealthAndUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var servers []*server
		for _, name := range []string{"a", "b", "c"} {
			servers = append(servers, &server{url: name})
		}
		a, b, c := servers[0], servers[1], servers[2]
		want := func(when string, u use, names ...string) {
			t.Helper()
			got := []string{}
			for _, s := range inOrder(servers, u, time.Now()) {
				got = append(got, s.url)
			}
			if !slices.Equal(got, names) {
				t.Errorf("%s: %q, want %q", when, got, names)
			}
		}
		want("at first", toRead, "a", "b", "c")
		a.takesNoWrites(time.Now())
		want("a is a copy", toRead, "b", "c", "a")
		want("a is a copy", toWrite, "b", "c")
		b.away(time.Now())
		want("and b away", toRead, "c", "a", "b")
		want("and b away", toWrite, "c", "b")
		c.says(rootWith("supportedCapabilities", readOnlyController))
		want("and c too a copy", toWrite, "b")
		b.takesNoWrites(time.Now())
		want("nothing but copies", toWrite, "a", "c", "b")

		if b.dueToProbe(time.Now()) {
			t.Error("probed without a rest")
		}
		time.Sleep(restTime)
		want("after the rest b is still last", toRead, "a", "c", "b")
		if !b.dueToProbe(time.Now()) || b.dueToProbe(time.Now()) || a.dueToProbe(time.Now()) {
			t.Error("not probed by just one")
		}
		b.away(time.Now())
		b.probed()
		time.Sleep(restTime)
		if !b.dueToProbe(time.Now()) {
			t.Error("not probed again")
		}
		b.back()
		time.Sleep(readOnlyTime)
		want("after a while", toWrite, "a", "b") // c says itself what it is
	})
}

func rootWith(attribute, value string) *ldap.Entry {
	return ldap.NewEntry("", map[string][]string{attribute: {value}})
}
