package recovery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/resetapi/delivery"
)

// told takes what waits in the outbox and returns the kinds of what is no code.
func (h *harness) told() []string {
	kinds := []string{}
	for len(h.jobs) > 0 {
		if j := <-h.jobs; j.Kind != delivery.KindCode {
			kinds = append(kinds, j.Kind)
		}
	}
	return kinds
}

// wantOverwritten checks the end of a write that met another change.
func (h *harness) wantOverwritten(t *testing.T, ticket Ticket) {
	t.Helper()
	if v, err := h.View(t.Context(), ticket); err != nil || v.Step != StepEnded || v.End != Superseded {
		t.Errorf("the view is %+v, %v", v, err)
	}
	if got := h.told(); !slices.Equal(got, []string{delivery.KindOverwritten}) {
		t.Errorf("told: %q", got)
	}
	if got := h.audit.of(audit.WriteEnded); got[len(got)-1] != "superseded" || slices.Contains(got, "done") {
		t.Errorf("outcomes in the audit: %q", got)
	}
	subject := h.record(t, ticket.ID).Subject
	if epoch, err := h.Store.epoch(t.Context(), subject); err != nil || epoch <= subject.Epoch {
		t.Errorf("the epoch is %d, %v; it was %d", epoch, err, subject.Epoch)
	}
}

// TestSomebodyElsesChange: the answer is lost, and somebody else changes the
// password. Nobody is told "done", and nothing is asked by the stamp alone.
func TestSomebodyElsesChange(t *testing.T) {
	h, ticket := unknown(t, false)
	var asked []string
	h.dir.settle = func(_ directory.Attempt, password string) (directory.Settlement, error) {
		asked = append(asked, password)
		h.forward(time.Second)
		return directory.Overwritten, nil
	}
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepSettling {
		t.Fatalf("%+v, %v", v, err)
	}
	h.settling.Wait()
	h.wantOverwritten(t, ticket)
	if !slices.Equal(asked, []string{newPassword, newPassword}) {
		t.Errorf("asked with %q, want two binds", asked)
	}
}

// TestChangedAfterTheTests: the second bind finds another's password, and there
// is no third; the stamp alone must not turn that into "done".
func TestChangedAfterTheTests(t *testing.T) {
	h, ticket := unknown(t, false)
	looks := 0
	h.dir.settle = func(a directory.Attempt, password string) (directory.Settlement, error) {
		h.forward(time.Second)
		looks++
		switch {
		case looks == 1:
			return directory.NotWritten, nil
		case password != "":
			return directory.Overwritten, nil
		case !a.Overwritten:
			t.Error("it is forgotten what the bind showed")
		}
		return directory.Changed, nil
	}
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	h.settling.Wait()
	h.wantOverwritten(t, ticket)
}

// TestLateWriteWins: the first look finds another's password, the second ours.
func TestLateWriteWins(t *testing.T) {
	h, ticket := unknown(t, false)
	looks := 0
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) {
		if looks++; looks == 1 {
			return directory.Overwritten, nil
		}
		return directory.Written, nil
	}
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	h.settling.Wait()
	if v, _ := h.View(t.Context(), ticket); v.Step != StepDone {
		t.Errorf("the view is %+v", v)
	}
	if got := h.told(); !slices.Equal(got, []string{delivery.KindNotice}) {
		t.Errorf("told: %q", got)
	}
}

// TestS24_GeneratedPassword: the server set a password of its own making, and
// the process dies before it looked. The stamp alone is no proof of ours.
func TestS24_GeneratedPassword(t *testing.T) {
	h, ticket := unknown(t, false)
	h.dir.setErr = &directory.UnknownError{Server: "s", Generated: true, Err: errors.New("a password of its own making")}
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) { panic("died") }
	func() {
		defer func() { _ = recover() }()
		_, _ = h.SetPassword(context.Background(), ticket, newPassword)
	}()
	h.dir.settle = func(a directory.Attempt, _ string) (directory.Settlement, error) {
		if !a.Overwritten {
			t.Error("it is forgotten what the server said")
		}
		return directory.Changed, nil
	}
	h.forward(2 * time.Minute)
	if err := h.sweepAll(t); err != nil {
		t.Fatal(err)
	}
	h.wantOverwritten(t, ticket)
}

// TestAnUnknownWriteKeepsOthersOut: nobody writes to a person whose last write
// has no outcome, however long that takes; a lost record does not keep them out.
func TestAnUnknownWriteKeepsOthersOut(t *testing.T) {
	h, a := unknown(t, false)
	away := func(directory.Attempt, string) (directory.Settlement, error) {
		return directory.Undecided, directory.ErrUnavailable
	}
	h.dir.settle = away
	if v, err := h.SetPassword(t.Context(), a, newPassword+"A"); err != nil || v.Step != StepSettling {
		t.Fatalf("%+v, %v", v, err)
	}
	h.settling.Wait()
	h.dir.setErr = nil
	h.forward(9 * time.Minute)
	b := h.prove(t, h.begin(t, "alice"), EmailCode)
	if _, err := h.SetPassword(t.Context(), b, newPassword+"B"); !errors.Is(err, ErrBusy) || h.dir.writes != 0 {
		t.Errorf("a write while another's outcome is open: %v, %d writes", err, h.dir.writes)
	}
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) { return directory.NotWritten, nil }
	for range 2 {
		h.forward(time.Second)
		if err := h.sweepAll(t); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := h.SetPassword(t.Context(), b, newPassword+"B"); err != nil || v.Step != StepDone {
		t.Errorf("after it is settled: %+v, %v", v, err)
	}
}

func TestALostRecordKeepsNobodyOut(t *testing.T) {
	h, a := unknown(t, false)
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) {
		return directory.Undecided, directory.ErrUnavailable
	}
	if _, err := h.SetPassword(t.Context(), a, newPassword+"A"); err != nil {
		t.Fatal(err)
	}
	h.settling.Wait()
	h.redis.Del(recordKey(a.ID))
	h.forward(2 * time.Minute)
	if err := h.sweepAll(t); err != nil {
		t.Fatal(err)
	}
	h.dir.setErr = nil
	b := h.prove(t, h.begin(t, "alice"), EmailCode)
	if v, err := h.SetPassword(t.Context(), b, newPassword+"B"); err != nil || v.Step != StepDone {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestAnotherWriteOwnsTheStamp: the server of a write stays away until another
// write to the person is made elsewhere. What the stamp says is not about the
// first one.
func TestAnotherWriteOwnsTheStamp(t *testing.T) {
	h, a := unknown(t, false)
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) {
		return directory.Undecided, directory.ErrUnavailable
	}
	if _, err := h.SetPassword(t.Context(), a, newPassword+"A"); err != nil {
		t.Fatal(err)
	}
	h.settling.Wait()
	h.dir.setErr = nil
	h.forward(h.Config.lockTime() + time.Second)
	b := h.prove(t, h.begin(t, "alice"), EmailCode)
	if v, err := h.SetPassword(t.Context(), b, newPassword+"B"); err != nil || v.Step != StepDone {
		t.Fatalf("the second: %+v, %v", v, err)
	}
	before := h.queued(t)
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) { return directory.Changed, nil }
	if err := h.sweepAll(t); err != nil {
		t.Fatal(err)
	}
	if r := h.record(t, a.ID); r.State != Ended || r.End != Superseded {
		t.Errorf("the first is %s %s", r.State, r.End)
	}
	if got := h.told(); h.queued(t) != before+1 || got[len(got)-1] != delivery.KindOverwritten {
		t.Errorf("%d notices, the last of %q", h.queued(t)-before, got)
	}
}

// TestDoneIsAuditedWithoutTheStore: Redis fails right after the write.
func TestDoneIsAuditedWithoutTheStore(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.dir.onWrite = func(*directory.Person) { h.redis.SetError("LOADING") }
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("%+v, %v", v, err)
	}
	if got := h.audit.of(audit.WriteEnded); !slices.Equal(got, []string{"done"}) {
		t.Errorf("outcomes in the audit: %q", got)
	}
}

// TestTheOutcomeHasItsOwnTime: the write took all the time that there was.
func TestTheOutcomeHasItsOwnTime(t *testing.T) {
	h := newHarness(t, func(p *Parts) { p.Config.WriteTimeout = setting.Duration(2 * time.Second) })
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.dir.onWrite = func(*directory.Person) { <-time.After(2100 * time.Millisecond) }
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("%+v, %v", v, err)
	}
	if got := h.audit.of(audit.WriteEnded); !slices.Equal(got, []string{"done"}) || h.record(t, ticket.ID).State != Done {
		t.Errorf("outcomes in the audit: %q, state %s", got, h.record(t, ticket.ID).State)
	}
}

// TestWhoeverAsksOpensNoConnection: a page that asks every second, and many that
// ask at once, cost the directory one look in settle_every.
func TestWhoeverAsksOpensNoConnection(t *testing.T) {
	h, ticket := unknown(t, false)
	var looks atomic.Int32
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) {
		looks.Add(1)
		return directory.Undecided, directory.ErrUnavailable
	}
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	h.settling.Wait()
	h.forward(2 * time.Minute)
	for want := int32(1); want <= 2; want++ {
		looks.Store(0)
		together(50, func(int) {
			if v, err := h.View(context.Background(), ticket); err != nil || v.Step != StepSettling {
				t.Errorf("%+v, %v", v, err)
			}
		})
		if looks.Load() != 1 {
			t.Errorf("50 questions made %d looks", looks.Load())
		}
		h.forward(h.Config.SettleEvery.Std())
	}
}

// TestAStopDoesNotWait: the record stays as it is for the next process.
func TestAStopDoesNotWait(t *testing.T) {
	h, ticket := unknown(t, false)
	h.Config.SettleFor, h.Config.SettleEvery = Defaults().SettleFor, Defaults().SettleEvery
	looking := make(chan struct{})
	var once sync.Once
	h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) {
		once.Do(func() { close(looking) })
		return directory.Undecided, nil
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	<-looking
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(Defaults().SettleEvery.Std() / 2):
		t.Error("the stop waits for a write to be settled")
	}
	if r := h.record(t, ticket.ID); r.State != Unknown {
		t.Errorf("state %s", r.State)
	}
}

// TestRetentionOutlivesTheSettling: a record that is forgotten too soon is a
// write of which nobody is ever told.
func TestRetentionOutlivesTheSettling(t *testing.T) {
	c := Defaults()
	c.Idle, c.Lifetime, c.Retention = setting.Duration(time.Minute), setting.Duration(time.Minute), setting.Duration(time.Minute)
	faults := c.Faults()
	if len(faults) != 1 || faults[0].Key != "retention" || !strings.Contains(faults[0].Allowed, "2m50s") {
		t.Errorf("%+v", faults)
	}
	c.Retention = setting.Duration(110 * time.Second)
	if faults := c.Faults(); len(faults) != 0 {
		t.Errorf("%+v", faults)
	}
}
