package ldapsync_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

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

func (noCards) Each(context.Context, func(contact.Card) error) error { return nil }

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
