package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// TestSearchOverInstances: one searches and finds what the other wrote.
func TestSearchOverInstances(t *testing.T) {
	testenv.Need(t, "redis-server")
	r, keys := testenv.NewRedis(t, testenv.RedisOptions{}), keyring.Generate()
	dirs := map[string]string{"one": t.TempDir(), "two": t.TempDir()}
	s := storetest.Open(t, r)
	var tail *audit.Tail
	for _, name := range []string{"one", "two"} {
		c := settings(dirs[name])
		c.Instance = name
		tail = audit.NewTail(s, keys, c)
		l, err := audit.Open(c, keys, tail, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for _, person := range []string{"entryUUID:aa", "entryUUID:bb"} {
			if err := l.Record(t.Context(), audit.Event{Kind: audit.WriteEnded, Person: person, Outcome: "done"}); err != nil {
				t.Fatal(err)
			}
		}
		closeLog(t, l)
	}
	found, err := audit.Search(t.Context(), dirs["one"], tail, audit.Filter{Person: "entryUUID:aa"})
	if err != nil || len(found) != 2 || found[0].Instance != "one" || found[1].Instance != "two" {
		t.Errorf("found %+v, %v; want one line of each instance", found, err)
	}
	dump, err := r.Admin(t.Context(), "XRANGE", store.Hot("audit"), "-", "+")
	if err != nil || strings.Contains(dump, "entryUUID") || strings.Contains(dump, audit.WriteEnded) || len(dump) < 1000 {
		t.Errorf("Redis shows the lines in clear: %.100s, %v", dump, err)
	}
	// Somebody with the rights on Redis and without the keyring adds a line.
	if _, err := r.Admin(t.Context(), "XADD", store.Hot("audit"), "*", "line", `{"kind":"write_ended","person":"entryUUID:aa"}`); err != nil {
		t.Fatal(err)
	}
	if again, err := audit.Search(t.Context(), dirs["one"], tail, audit.Filter{Person: "entryUUID:aa"}); err != nil || len(again) != 2 {
		t.Errorf("with a forged entry %d lines, %v", len(again), err)
	}
	r.Kill()
	found, err = audit.Search(t.Context(), dirs["one"], tail, audit.Filter{Person: "entryUUID:aa"})
	if !errors.Is(err, store.ErrUnavailable) || len(found) != 1 {
		t.Errorf("without Redis %d lines, %v; want the local one and an error", len(found), err)
	}
}

// TestAPersonsWholeStory: lines of before the look-up, which name nobody, belong
// to the person of their recovery; those of others do not.
func TestAPersonsWholeStory(t *testing.T) {
	c := settings(t.TempDir())
	l, err := audit.Open(c, keyring.Generate(), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []audit.Event{
		{Kind: audit.RecoveryStarted, Recovery: "A"},
		{Kind: audit.RecoveryStarted, Recovery: "B"},
		{Kind: audit.LookedUp, Recovery: "A", Directory: "main", Person: "entryUUID:aa"},
		{Kind: audit.LookedUp, Recovery: "B", Directory: "main", Person: "entryUUID:bb"},
		{Kind: audit.ChallengeOpened, Recovery: "A"},
		{Kind: audit.SupportRequested},
	} {
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, l)
	for kind, want := range map[string][]string{
		"":                    {audit.RecoveryStarted, audit.LookedUp, audit.ChallengeOpened},
		audit.ChallengeOpened: {audit.ChallengeOpened},
	} {
		found, err := audit.Search(t.Context(), c.Dir, nil, audit.Filter{Person: "entryUUID:aa", Directory: "main", Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, line := range found {
			if line.Recovery != "A" {
				t.Errorf("%+v is another's", line)
			}
			kinds = append(kinds, line.Kind)
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("with kind %q: %v, want %v", kind, kinds, want)
		}
	}
}

// TestRedisHoldsNothingUp: the files are what counts.
func TestRedisHoldsNothingUp(t *testing.T) {
	testenv.Need(t, "redis-server")
	r, keys, dir := testenv.NewRedis(t, testenv.RedisOptions{}), keyring.Generate(), t.TempDir()
	c := settings(dir)
	l, err := audit.Open(c, keys, audit.NewTail(storetest.Open(t, r, storetest.Hasty), keys, c), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if err := l.Record(t.Context(), audit.Event{Kind: audit.WriteIntended}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	closeLog(t, l)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := r.Continue(); err != nil {
		t.Fatal(err)
	}
	verified(t, dir, keys)
}

func TestTheTailIsBounded(t *testing.T) {
	testenv.Need(t, "redis-server")
	r, keys, dir := testenv.NewRedis(t, testenv.RedisOptions{}), keyring.Generate(), t.TempDir()
	c := settings(dir)
	c.MaxTail = 100
	tail := audit.NewTail(storetest.Open(t, r), keys, c)
	l, err := audit.Open(c, keys, tail, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		l.Note(audit.Event{Kind: audit.Guessed})
	}
	closeLog(t, l)
	n := 0
	if err := tail.Each(t.Context(), func(audit.Line) error { n++; return nil }); err != nil || n < 100 || n > 300 {
		t.Errorf("%d lines in the tail, %v; want about 100", n, err)
	}
}

// TestExport: JSON lines are those of the file; cells of CSV are no formulas.
func TestExport(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	l := open(t, dir, keys)
	for _, reason := range []string{`=HYPERLINK("x")`, "+1", "-1", "@x", "'x", "<a&b>", "plain"} {
		if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, l)
	want, err := os.ReadFile(filepath.Join(dir, firstFile))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, line := range lines(t, dir) {
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(text, '\n'))
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("a line that is read and written is another one")
	}
	got.Reset()
	if err := audit.WriteCSV(&got, audit.Lines(dir)); err != nil {
		t.Fatal(err)
	}
	for _, cell := range []string{`,"'=HYPERLINK(""x"")",`, ",'+1,", ",'-1,", ",'@x,", ",''x,", ",<a&b>,", ",plain,"} {
		if !strings.Contains(got.String(), cell) {
			t.Errorf("no cell %s in:\n%s", cell, got.String())
		}
	}
}

func TestFilter(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	line := audit.Line{Time: at, Event: audit.Event{Kind: "k", Recovery: "r", Directory: "d", Person: "p"}}
	for name, test := range map[string]struct {
		filter audit.Filter
		want   bool
	}{
		"all":           {audit.Filter{}, true},
		"same":          {audit.Filter{Kind: "k", Recovery: "r", Directory: "d", Person: "p", From: at}, true},
		"another kind":  {audit.Filter{Kind: "x", Person: "p"}, false},
		"another one":   {audit.Filter{Person: "x"}, false},
		"another place": {audit.Filter{Directory: "x", Person: "p"}, false},
		"before":        {audit.Filter{To: at}, false},
		"after":         {audit.Filter{From: at.Add(1)}, false},
	} {
		if got := test.filter.Fits(line); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFaults(t *testing.T) {
	if got := audit.Defaults().Faults(); got != nil {
		t.Errorf("the defaults have faults: %v", got)
	}
	bad := audit.Config{Instance: "a\nb", MaxFileMB: -1, MaxTail: 1}
	var keys []string
	for _, fault := range bad.Faults() {
		keys = append(keys, fault.Key)
	}
	if want := []string{"dir", "instance", "max_file_mb", "retention", "max_tail"}; !slices.Equal(keys, want) {
		t.Errorf("keys at fault %v, want %v", keys, want)
	}
}
