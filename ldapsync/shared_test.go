package ldapsync

import (
	"fmt"
	"testing"

	"latchkey/internal/contact"
)

// Of many contacts those that several people have are found, each holder
// once, and hardly any other.
func TestSharedContactsOfMany(t *testing.T) {
	const people, pairs, group = 50_000, 100, 9
	p := newWhole(true)
	tell := func(n int) {
		values := []contact.Address{
			{Kind: contact.Email, Value: fmt.Sprintf("p%d@home.example", n)},
			{Kind: contact.Mobile, Value: fmt.Sprintf("+49151%08d", n)},
		}
		if n < 2*pairs {
			values[0].Value = fmt.Sprintf("pair%d@home.example", n/2)
		}
		if n >= people-group {
			values[1].Value = "+4930123456"
		}
		p.saw(removal{fmt.Sprint("person ", n), values}, outcome{})
	}
	for n := range people {
		tell(n)
		if n%3 == 0 {
			tell(n) // what is told twice in a pass counts once
		}
	}
	if p.people < people-1 || p.people > people {
		t.Errorf("%d people were counted", p.people)
	}
	got := p.sharing.count()
	t.Logf("%+v", got)
	if got.Contacts < pairs+1 || got.Contacts > pairs+1+20 || got.People < 2*pairs+group || got.People > 2*pairs+group+40 || got.Widely != 1 {
		t.Errorf("%+v, want about %d contacts", got, pairs+1)
	}
}

// However many are shared, no more are kept than that.
func TestSharedContactsAreBounded(t *testing.T) {
	s := newSharing()
	for n := range maxShared + 1000 {
		for range 2 {
			s.add([]contact.Address{{Kind: contact.Email, Value: fmt.Sprint(n)}})
		}
	}
	if len(s.holders) != maxShared {
		t.Errorf("%d are kept", len(s.holders))
	}
}
