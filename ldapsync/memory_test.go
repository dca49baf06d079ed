package ldapsync_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/ldapsync"
)

// crowdSource shows many people with large entries, without a server.
type crowdSource struct{ pages, size int }

func (c crowdSource) EachPage(_ context.Context, q directory.Query, f func(directory.Page) error) error {
	for page := range c.pages {
		var p directory.Page
		for i := range c.size {
			var id [16]byte
			binary.BigEndian.PutUint64(id[:], uint64(page*c.size+i+1))
			p.Entries = append(p.Entries, directory.Entry{
				ID:         directory.ID{Kind: "entryUUID", Bytes: string(id[:])},
				Attributes: map[string][]string{"alt": {fmt.Sprintf("p%d.%d@home.example", page, i), strings.Repeat("x", 4000)}},
			})
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

// noCards keeps nothing.
type noCards struct{}

func (noCards) UpdateAll(_ context.Context, _ string, persons []string, change func(int, *contact.Card) bool) error {
	for i := range persons {
		change(i, &contact.Card{})
	}
	return nil
}

func (noCards) Roam(context.Context, func(contact.Card) error) error { return nil }

// What stays in memory of 50,000 people with 200 MB of entries is some ten
// bytes of each.
func TestMemoryIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	source := crowdSource{pages: 50, size: 1000}
	s := ldapsync.Syncer{Config: ldapsync.Defaults(), Source: source, Cards: noCards{}}
	s.Config.Email = []string{"alt"}
	s.Progress = func(p ldapsync.Progress) {
		if p.People == source.pages*source.size {
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	r, err := s.Run(t.Context())
	if err != nil || r.People != source.pages*source.size || r.Rejected != r.People || len(r.Rejections) > 1000 {
		t.Fatalf("%v, %d people, %d rejected", err, r.People, r.Rejected)
	}
	const most = 64 << 20
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > most {
		t.Errorf("%d MB are held at the end", held>>20)
	} else {
		t.Logf("%d MB are held at the end", held>>20)
	}
}

// crowdStream tells of many people with large entries, without a server.
type crowdStream struct {
	people int
	held   func()
}

func (c crowdStream) Follow(ctx context.Context, _ ldapsync.Cursor, tell func(ldapsync.Change) error) error {
	if err := tell(ldapsync.Change{What: ldapsync.Began, Source: ldapsync.Syncrepl, Whole: true}); err != nil {
		return err
	}
	for i := range c.people {
		var id [16]byte
		binary.BigEndian.PutUint64(id[:], uint64(i+1))
		entry := directory.Entry{
			ID:         directory.ID{Kind: "entryUUID", Bytes: string(id[:])},
			Attributes: map[string][]string{alternate: {fmt.Sprintf("p%d@home.example", i), strings.Repeat("x", 4000)}},
		}
		if err := tell(ldapsync.Change{What: ldapsync.Found, Entry: entry}); err != nil {
			return err
		}
	}
	c.held()
	for _, what := range []ldapsync.What{ldapsync.Complete, ldapsync.InStep} {
		if err := tell(ldapsync.Change{What: what, Cursor: []byte("csn=1")}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// What a follower holds does not grow with the number of people: the same at
// 5,000 and at 50,000 with 200 MB of entries.
func TestAFollowerHoldsABatch(t *testing.T) {
	for _, people := range []int{5_000, 50_000} {
		s := newSite(t, "")
		f := s.follower(s.keys)
		// Who loses the lease on a busy machine begins again with the first of them.
		f.Lifetime = time.Minute
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		// The writer goes on meanwhile, with the last batches.
		f.Source = crowdStream{people, func() {
			for i := range 5 {
				var now runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&now)
				if i == 0 || now.HeapAlloc < after.HeapAlloc {
					after = now
				}
			}
		}}
		began := time.Now()
		stop := start(t, f)
		ledger := ldapsync.NewLedger(s.store, s.keys)
		await(t, "everyone is written", func() bool {
			status, err := ledger.Status(t.Context(), "staff")
			return err == nil && !status.FullAt.IsZero()
		})
		took := time.Since(began)
		stop()
		status, err := ledger.Status(t.Context(), "staff")
		if err != nil || status.People != people || status.WithContacts != people || status.Counts.Rejected != int64(people) {
			t.Fatalf("%v, %+v", err, status)
		}
		kept := 0
		if err := ledger.Rejections(t.Context(), "staff", func(ldapsync.Rejection) error { kept++; return nil }); err != nil || kept != 1000 {
			t.Errorf("%d rejections are kept, %v", kept, err)
		}
		const most = 32 << 20
		held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		t.Logf("%d people in %s: %d MB are held at the end", people, took.Round(time.Millisecond), held>>20)
		if held > most {
			t.Errorf("%d MB are held", held>>20)
		}
	}
}
