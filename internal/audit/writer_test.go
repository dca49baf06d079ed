package audit

import (
	"errors"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"testing"

	"latchkey/internal/keyring"
)

func openForTest(tb testing.TB, dir string, keys *keyring.Ring) *Log {
	tb.Helper()
	c := Defaults()
	c.Dir, c.Instance = dir, "one"
	l, err := Open(c, keys, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

// TestFailedSync: what may not be on the disk is not left in the file, where
// it would be told of as recorded.
func TestFailedSync(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	l := openForTest(t, dir, keys)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w := &writer{dir: dir, maxSize: 1 << 20, chain: chain{keys: keys, hash: beginning}}
	if _, err := w.resume("one"); err != nil {
		t.Fatal(err)
	}
	errDisk := errors.New("the disk is broken")
	w.sync = func(*os.File) error { return errDisk }
	if _, err := w.append([]Line{{Time: now(), Event: Event{Kind: Guessed}}}); !errors.Is(err, errDisk) {
		t.Errorf("append: %v, want that of the disk", err)
	}
	if report, err := Verify(dir, keys); err != nil || report.Lines != 2 || report.Unfinished != 0 {
		t.Errorf("after a failed sync: %+v, %v; want 2 lines", report, err)
	}
	w.sync = (*os.File).Sync
	if _, err := w.append([]Line{{Time: now(), Event: Event{Kind: Guessed}}}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(w.mark(), w.close()); err != nil {
		t.Error(err)
	}
	if report, err := Verify(dir, keys); err != nil || report.Lines != 3 {
		t.Errorf("after the next one: %+v, %v; want 3 lines", report, err)
	}
}

// TestRecordsShareSyncs: those that come while the disk is busy go together.
func TestRecordsShareSyncs(t *testing.T) {
	l := openForTest(t, t.TempDir(), keyring.Generate())
	var all sync.WaitGroup
	syncs, begun, waiting := 0, make(chan struct{}), make(chan struct{})
	l.writer.sync = func(f *os.File) error {
		if syncs++; syncs == 1 {
			close(begun)
			<-waiting
		}
		return f.Sync()
	}
	record := func() {
		if err := l.Record(t.Context(), Event{Kind: Guessed}); err != nil {
			t.Error(err)
		}
	}
	all.Go(record)
	<-begun
	for range 200 {
		all.Go(record)
	}
	for queued := 0; queued < 200; runtime.Gosched() {
		l.mu.Lock()
		queued = len(l.pending)
		l.mu.Unlock()
	}
	close(waiting)
	all.Wait()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if syncs != 3 {
		t.Errorf("%d syncs; want one for the first record, one for 200 more and one for the end", syncs)
	}
}

// FuzzCheck: whatever stands in a file, a line is refused or is ours.
func FuzzCheck(f *testing.F) {
	keys := keyring.Generate()
	c := chain{keys: keys, hash: beginning, instance: "one"}
	text, err := c.seal(Line{Time: now(), Event: Event{Kind: Guessed}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(string(text[:len(text)-sealSize]))
	f.Add("{}")
	f.Fuzz(func(t *testing.T, got string) {
		c := chain{keys: keys, hash: beginning, instance: "one"}
		if _, problem := c.check([]byte(got)); problem == "" && got != string(text) {
			t.Errorf("accepted %q", got)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	for name, parallel := range map[string]bool{"alone": false, "parallel": true} {
		b.Run(name, func(b *testing.B) {
			l := openForTest(b, b.TempDir(), keyring.Generate())
			e := Event{Kind: WriteIntended, Recovery: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Directory: "main", Person: "entryUUID:00112233445566778899aabbccddeeff"}
			record := func() {
				if err := l.Record(b.Context(), e); err != nil {
					b.Error(err)
				}
			}
			if !parallel {
				for b.Loop() {
					record()
				}
				return
			}
			b.SetParallelism(64)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					record()
				}
			})
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	dir, keys := b.TempDir(), keyring.Generate()
	l := openForTest(b, dir, keys)
	for range 10 {
		for range 1000 {
			l.Note(Event{Kind: Guessed, Recovery: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
		}
		if err := l.Record(b.Context(), Event{Kind: Guessed}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := Verify(dir, keys); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10011, "ns/line")
}
