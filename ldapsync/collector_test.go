package ldapsync_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/ldapsync"
)

// changes tells what it holds, and then nothing more.
type changes []ldapsync.Change

func (s changes) Follow(ctx context.Context, _ ldapsync.Cursor, tell func(ldapsync.Change) error) error {
	for _, change := range s {
		if err := tell(change); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func foundWith(i int, address string) ldapsync.Change {
	return ldapsync.Change{What: ldapsync.Found, Entry: directory.Entry{ID: numbered(i), Attributes: map[string][]string{alternate: {address}}}}
}

// told runs a follower over changes until it is in step, and returns the address
// of the first person.
func told(t *testing.T, s changes) string {
	t.Helper()
	site := newSite(t, "")
	f := site.follower(site.keys)
	f.Config.MaxRemovalsPercent = 100
	f.Source = append(s, ldapsync.Change{What: ldapsync.InStep, Cursor: []byte("csn=1")})
	start(t, f)
	ledger := ldapsync.NewLedger(site.store, site.keys)
	last := numbered(lastOne).String()
	await(t, "everything is written", func() bool {
		_, err := site.cards.Get(t.Context(), "staff", last)
		status, failure := ledger.Status(t.Context(), "staff")
		return err == nil && failure == nil && !status.FullAt.IsZero()
	})
	card, err := site.cards.Get(t.Context(), "staff", numbered(0).String())
	if err != nil {
		t.Fatal(err)
	}
	all := card.Of(contact.Email, time.Now())
	if len(all) != 1 {
		t.Fatalf("%+v", card)
	}
	return all[0].Value
}

const lastOne = 1_000_000

// Cards of a batch are asked for while the one before is written. Whoever is in
// both is as the last one says.
func TestWhoIsInTwoBatches(t *testing.T) {
	s := changes{{What: ldapsync.Began, Source: ldapsync.Syncrepl, Whole: true}}
	others := 1
	for round := range 21 {
		s = append(s, foundWith(0, fmt.Sprintf("p%d@home.example", round%2)))
		for range 999 {
			s = append(s, foundWith(others%5000+1, fmt.Sprintf("o%d@home.example", others)))
			others++
		}
	}
	s = append(s, foundWith(lastOne, "last@home.example"), ldapsync.Change{What: ldapsync.Complete})
	if got := told(t, s); got != "p0@home.example" {
		t.Errorf("the first person has %s", got)
	}
}

// Whoever the end of a pass takes for gone, and is told of right behind it, has
// contacts again.
func TestWhoComesBackBehindTheEnd(t *testing.T) {
	s := changes{{What: ldapsync.Began, Source: ldapsync.Syncrepl, Whole: true}}
	everyone := func(from int) {
		for i := from; i < 1500; i++ {
			s = append(s, foundWith(i, fmt.Sprintf("p%d@home.example", i)))
		}
		s = append(s, ldapsync.Change{What: ldapsync.Complete})
	}
	everyone(0)
	s = append(s, ldapsync.Change{What: ldapsync.InStep}, ldapsync.Change{What: ldapsync.Began, Source: ldapsync.Syncrepl, Whole: true})
	everyone(1)
	for i := range 1000 {
		s = append(s, foundWith(i, fmt.Sprintf("p%d@home.example", i)))
	}
	s = append(s, foundWith(lastOne, "last@home.example"))
	for range 3 {
		if got := told(t, s); got != "p0@home.example" {
			t.Errorf("the first person has %s", got)
		}
	}
}
