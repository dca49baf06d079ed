package directory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

const ldapSearchRequest = 3

// crowd returns further people crowd0000, crowd0001, …
func crowd(n int) testenv.SlapdOptions {
	var ldif strings.Builder
	for i := range n {
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprintf("crowd%04d", i), fmt.Sprintf("mobile: +4915%09d", i)))
	}
	return testenv.SlapdOptions{LDIF: ldif.String()}
}

// Everyone comes once, page by page, and no page is asked for before the one
// before it was taken: that bounds the memory.
func TestEachPageStreams(t *testing.T) {
	const people, size = 5000, 1000
	slapd := testenv.NewSlapd(t, crowd(people))
	proxy := testenv.NewLDAPProxy(t, slapd, nil)
	c := configFor(slapd)
	c.Servers = []string{proxy.LDAPSURL}
	d := open(t, c)
	var taken, asked, early atomic.Int64
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == ldapSearchRequest && strings.Contains(string(m.Bytes), "1.2.840.113556.1.4.319") {
			if taken.Load() != asked.Load()*size {
				early.Add(1)
			}
			asked.Add(1)
		}
		return testenv.LDAPAction{}
	})
	seen := make(map[directory.ID]bool)
	withMobile := 0
	err := d.EachPage(t.Context(), directory.Query{Attributes: []string{"MOBILE", "homePhone"}, PageSize: size}, func(p directory.Page) error {
		if len(p.Entries) > size {
			t.Errorf("a page has %d entries", len(p.Entries))
		}
		for _, e := range p.Entries {
			if e.ID.IsZero() || seen[e.ID] {
				t.Fatalf("id %s is zero or came twice", e.ID)
			}
			seen[e.ID] = true
			if len(e.Attributes["MOBILE"]) == 1 && e.Attributes["homePhone"] == nil {
				withMobile++
			}
		}
		taken.Add(int64(len(p.Entries)))
		return nil
	})
	want := people + len(testenv.People())
	if err != nil || len(seen) != want || withMobile != people {
		t.Errorf("%d people, %d with a number, %v; want %d, %d", len(seen), withMobile, err, want, people)
	}
	if asked.Load() != 6 || early.Load() != 0 {
		t.Errorf("%d pages were asked for, %d of them early", asked.Load(), early.Load())
	}
	if alice := find(t, d, "alice"); !seen[alice.ID] {
		t.Error("the id is not the one that Find gives")
	}
}

// Who is not shown may be there all the same.
func TestEachPageTellsOfWhatIsMissing(t *testing.T) {
	slapd := testenv.NewSlapd(t, crowd(600))
	query := directory.Query{PageSize: 400}
	t.Run("size limit", func(t *testing.T) {
		c := configFor(slapd) // only the service account has no limit
		c.BindDN, c.BindPassword = testenv.PersonDN("alice"), setting.NewSecret(testenv.FirstPassword)
		n := 0
		err := open(t, c).EachPage(t.Context(), query, func(p directory.Page) error { n += len(p.Entries); return nil })
		if !errors.Is(err, directory.ErrTruncated) || n >= 600 {
			t.Errorf("%d entries, %v", n, err)
		}
	})
	t.Run("lost connection", func(t *testing.T) {
		proxy := testenv.NewLDAPProxy(t, slapd, nil)
		c := configFor(slapd)
		c.Servers = []string{proxy.LDAPSURL}
		n := 0
		err := open(t, c).EachPage(t.Context(), query, func(p directory.Page) error {
			n += len(p.Entries)
			proxy.OnResponse(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Drop: true} })
			return nil
		})
		if !errors.Is(err, directory.ErrUnavailable) || n != 400 {
			t.Errorf("%d entries, %v", n, err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := open(t, configFor(slapd)).EachPage(ctx, query, func(directory.Page) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("own error", func(t *testing.T) {
		errEnough := errors.New("enough")
		err := open(t, configFor(slapd)).EachPage(t.Context(), query, func(directory.Page) error { return errEnough })
		if diff := cmp.Diff(errEnough.Error(), err.Error()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("no filter", func(t *testing.T) {
		err := open(t, configFor(slapd)).EachPage(t.Context(), directory.Query{Filter: "(uid=*", PageSize: 1}, nil)
		if !errors.Is(err, directory.ErrFilter) {
			t.Error(err)
		}
	})
}
