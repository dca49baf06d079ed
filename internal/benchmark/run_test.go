package benchmark

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/testenv"
)

// TestRun keeps the whole in order: it makes one short row for one gate and one
// for two, on real servers.
func TestRun(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "slapd", "slapadd", "slappasswd", "redis-server", "redis-cli", "ns-slapd", "samba")
	testenv.NeedRoot(t, "389 Directory Server and Samba")
	program := filepath.Join(t.TempDir(), "latchkey")
	if out, err := exec.Command("go", "build", "-tags", "bench", "-o", program, "latchkey/cmd/latchkey").CombinedOutput(); err != nil {
		t.Fatalf("build latchkey: %v\n%s", err, out)
	}
	for _, scheme := range []string{testenv.SchemeSSHA, testenv.SchemeArgon2, DS389, Samba} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			o := Options{Program: program, Slice: time.Second, Rounds: 1, Schemes: []string{scheme}, Parallel: []int{1}, TwoGates: 1, Starts: 1}
			if scheme != testenv.SchemeSSHA {
				o.TwoGates = 0
			}
			report, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, report, scheme)
		})
	}
}

func checkReport(t *testing.T, report *Report, scheme string) {
	t.Helper()
	if report.Start.Median <= 0 || report.Start.IdleMiB < 1 || report.Machine.Slapd == "unknown" || report.Machine.Redis == "unknown" {
		t.Errorf("%s: start %+v on %+v", scheme, report.Start, report.Machine)
	}
	for _, row := range report.Rows {
		if row.Raw.Done == 0 || row.Reset.Done == 0 || row.Ratio <= 0 || row.Verified == 0 || row.PeakMiB < 1 || row.Redis.RoundTrips < 10 || row.Redis.ByName["xadd"] < 2 {
			t.Errorf("%s: a row without figures: %+v", scheme, row)
		}
		for _, step := range steps {
			if row.Steps[step].P50 <= 0 || row.Steps[step].P99 < row.Steps[step].P50 {
				t.Errorf("%s: step %s took %v", scheme, step, row.Steps[step])
			}
		}
	}
	var b bytes.Buffer
	if err := report.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "| "+scheme+" |"); got != 3*len(report.Rows) {
		t.Errorf("%d lines of %s in:\n%s", got, scheme, b.String())
	}
}

// TestRunSync makes a small run of a synchronization.
func TestRunSync(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "slapd", "slapadd", "ldapsearch", "redis-server", "redis-cli")
	program := filepath.Join(t.TempDir(), "latchkey")
	if out, err := exec.Command("go", "build", "-o", program, "latchkey/cmd/latchkey").CombinedOutput(); err != nil {
		t.Fatalf("build latchkey: %v\n%s", err, out)
	}
	r, err := RunSync(t.Context(), SyncOptions{Program: program, People: 1000, Rounds: 2, Changes: 10})
	if err != nil {
		t.Fatal(err)
	}
	for name, timing := range map[string]Timing{"ldapsearch": r.Tool, "go-ldap": r.Library, "go-redis": r.Writes, "once": r.Once, "again": r.Again, "serve": r.Serve} {
		if timing.PerSecond <= 0 || len(timing.Seconds) == 0 || slices.Min(timing.Seconds) <= 0 {
			t.Errorf("%s: %+v", name, timing)
		}
	}
	if r.Once.PeakMiB < 10 || r.Serve.PeakMiB < 10 || r.Serve.CPU <= 0 || r.SecondStart <= 0 || r.Changes != 10 || r.Latency.P50 <= 0 || r.Latency.P99 < r.Latency.P50 || r.CardBytes < 256 || r.RedisBytes < float64(r.CardBytes) {
		t.Errorf("figures are missing: %+v", r)
	}
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b); err != nil || strings.Count(b.String(), "\n| ") != 12 {
		t.Errorf("%v in:\n%s", err, b.String())
	}
}

func TestLoadTakesPeopleInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, _ := everyone()
		var busy [8]atomic.Int32
		index := make(map[*person]int)
		for i, p := range one[:8] {
			index[p] = i
		}
		s, err := load(t.Context(), 4, time.Second, one[:8], func(_ context.Context, p *person) (laps, error) {
			if busy[index[p]].Add(1) > 1 {
				t.Errorf("%s is reset twice at once", p.uid)
			}
			time.Sleep(100 * time.Millisecond) // within the bubble, where time is not real
			busy[index[p]].Add(-1)
			return laps{{stepAll, 100 * time.Millisecond}}, nil
		})
		if err != nil || s.done != 40 || s.took != time.Second || len(s.steps[stepAll]) != 40 {
			t.Errorf("%d in %v, %d samples, %v; want 40 in a second", s.done, s.took, len(s.steps[stepAll]), err)
		}
	})
}

func TestLoadEndsWithTheFirstFailure(t *testing.T) {
	one, _ := everyone()
	broken := errors.New("broken")
	_, err := load(t.Context(), 2, time.Minute, one, func(ctx context.Context, p *person) (laps, error) {
		if p == one[0] {
			return nil, broken
		}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if !errors.Is(err, broken) {
		t.Errorf("the load ended with %v", err)
	}
	if _, err := load(t.Context(), 3, time.Second, one, nil); err == nil {
		t.Error("people are shared among workers who may meet")
	}
}

func TestInboxCounts(t *testing.T) {
	i, err := openInbox(t.Context(), filepath.Join(t.TempDir(), "inbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer i.close()
	waits := i.expect("email", "someone@home.test")
	i.take("code email someone@home.test 12345678")
	if code := <-waits; code != "12345678" {
		t.Errorf("the code is %q", code)
	}
	i.take("notice email someone@home.test ")
	if codes, notices, faults := i.counts(); codes != 1 || notices != 1 || len(faults) != 0 {
		t.Errorf("%d codes, %d notices, %v", codes, notices, faults)
	}
	i.take("code email someone@home.test 12345678") // for nobody who waits
	i.take("refusal email someone@home.test ")
	if _, _, faults := i.counts(); len(faults) != 2 {
		t.Errorf("faults: %v", faults)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := i.awaitNotices(late, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a notice that never came: %v", err)
	}
}
