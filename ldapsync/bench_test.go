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

// BenchmarkFirstLoad is a follower's first load, for a profile of where its time
// goes: go test -run - -bench FirstLoad -cpuprofile FILE ./ldapsync
func BenchmarkFirstLoad(b *testing.B) {
	const people = 30_000
	s := newSite(b, crowd(people))
	ledger := ldapsync.NewLedger(s.store, s.keys)
	n := 0
	for b.Loop() {
		b.StopTimer()
		if _, err := s.redis.Admin(b.Context(), "FLUSHALL"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		stop := start(b, s.follower(s.keys))
		await(b, "everyone is written", func() bool {
			status, err := ledger.Status(b.Context(), "staff")
			return err == nil && !status.FullAt.IsZero()
		})
		n += people
		b.StopTimer()
		stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}
