package ldapsync_test

import (
	"context"
	"testing"

	"latchkey/internal/directory"
	"latchkey/ldapsync"
)

// BenchmarkSync compares a whole synchronization with nothing but the search
// that it rests on, on the same servers in the same run.
func BenchmarkSync(b *testing.B) {
	const people = 20_000
	s := newSite(b, crowd(people))
	attributes := append([]string{alternate, second, "mail"}, s.Config.Mobile...)
	perSecond := func(b *testing.B, entries int) {
		b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
	}
	b.Run("search only", func(b *testing.B) {
		n := 0
		for b.Loop() {
			query := directory.Query{Attributes: attributes, PageSize: s.Config.PageSize}
			if err := s.people.EachPage(b.Context(), query, func(p directory.Page) error { n += len(p.Entries); return nil }); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b, n)
	})
	run := func(b *testing.B, change func(*ldapsync.Syncer)) {
		n := 0
		for b.Loop() {
			syncer := s.Syncer
			change(&syncer)
			r, err := syncer.Run(context.WithoutCancel(b.Context()))
			if err != nil {
				b.Fatal(err)
			}
			n += r.People
		}
		perSecond(b, n)
	}
	b.Run("everything new", func(b *testing.B) {
		run(b, func(*ldapsync.Syncer) {
			b.StopTimer()
			defer b.StartTimer()
			if _, err := s.redis.Admin(b.Context(), "FLUSHALL"); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("nothing changed", func(b *testing.B) { run(b, func(*ldapsync.Syncer) {}) })
}
