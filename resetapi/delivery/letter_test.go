package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// notice is a job that may wait for long.
func notice(id string) Job {
	return Job{ID: id, Kind: KindNotice, Recovery: "r-" + id, Directory: "main", Person: "p", Language: "de", At: time.Now(), ExpiresAt: time.Now().Add(NoticeLifetime)}
}

// toBoth gives a job to two people by mail.
func toBoth(j Job) ([]Message, error) {
	return []Message{{Method: "email", To: "alice@example.org", Code: j.Code}, {Method: "email", To: "bob@example.org", Code: j.Code}}, nil
}

// to lists the recipients of all that was sent.
func (o *outbox) to() []string {
	var to []string
	for _, m := range o.messages() {
		to = append(to, m.To)
	}
	slices.Sort(to)
	return to
}

func dead(t *testing.T, q *Queue) []Letter {
	t.Helper()
	letters, err := q.Dead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

func TestDeadLetters(t *testing.T) {
	q, server := newQueue(t)
	out := newOutbox()
	out.fail = func(m Message) error {
		if m.Code == "later" {
			return fmt.Errorf("%w: connection refused", ErrUnreachable)
		}
		return fmt.Errorf("%w: the mail server answered 550", ErrPermanent)
	}
	later := job("later")
	later.ID, later.ExpiresAt = "2-later", time.Now().Add(5*time.Second)
	refused := job("refused")
	refused.ID = "1-refused"
	never := notice("3-never")
	run(t, &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out}})
	add(t, q, refused, later, never)
	if err := q.store.Do(t.Context(), "XADD", StreamKey(), "*", FieldID, "4-junk", FieldJob, "12345678").Err(); err != nil {
		t.Fatal(err)
	}
	empty(t, q)
	letters := dead(t, q)
	want := []Letter{
		{ID: "1-refused", Kind: KindCode, Method: "email", Recovery: "r-refused", Attempts: 1, Why: WhyRefused, Failure: FailureRefused},
		{ID: "2-later", Kind: KindCode, Method: "email", Recovery: "r-later", Why: WhyExpired, Failure: FailureUnreachable},
		{ID: "3-never", Kind: KindNotice, Recovery: "r-3-never", Attempts: 1, Why: WhyRefused, Failure: FailureRefused, Kept: true},
		{ID: "4-junk", Why: WhyUnreadable},
	}
	slices.SortFunc(letters, func(a, b Letter) int { return strings.Compare(a.ID, b.ID) })
	if letters[1].Attempts < 2 || time.Since(letters[1].At).Abs() > time.Minute {
		t.Errorf("%d attempts, at %v", letters[1].Attempts, letters[1].At)
	}
	letters[1].Attempts = 0
	if diff := cmp.Diff(want, letters, cmpopts.IgnoreUnexported(Letter{}), cmpopts.IgnoreFields(Letter{}, "At")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Nothing of a code is left in Redis, sealed or not.
	raw, err := server.Admin(t.Context(), "XRANGE", deadKey(), "-", "+")
	if err != nil || strings.Count(raw, FieldJob+"\n") != 1 || strings.Contains(raw, "12345678") || strings.Contains(raw, "example.org") {
		t.Errorf("%v: %q", err, raw)
	}
	if keys, err := server.Admin(t.Context(), "EXISTS", LaterKey(), laterJobs()); err != nil || strings.TrimSpace(keys) != "0" {
		t.Errorf("%s keys of delayed jobs are left, %v", keys, err)
	}
}

// A notice that is retried goes to those only who do not have it.
func TestRetry(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	out.fail = func(m Message) error {
		if m.To == "bob@example.org" {
			return fmt.Errorf("%w: full", ErrPermanent)
		}
		return nil
	}
	stop := run(t, &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out}})
	add(t, q, notice("n"), job("c"))
	empty(t, q)
	stop()
	if to := out.to(); !slices.Equal(to, []string{"alice@example.org", "alice@example.org"}) {
		t.Errorf("sent to %v", to)
	}
	for _, letter := range dead(t, q) {
		if err := q.Retry(t.Context(), letter.ID); letter.Kind == KindCode && !errors.Is(err, ErrNotKept) || letter.Kind == KindNotice && err != nil {
			t.Errorf("%s: %v", letter.Kind, err)
		}
	}
	if err := q.Retry(t.Context(), "n"); !errors.Is(err, ErrNoLetter) {
		t.Errorf("twice: %v", err)
	}
	waits, err := q.Waiting(t.Context())
	if err != nil || len(waits) != 1 || waits[0].ID != "n" || waits[0].Attempts != 0 || time.Until(waits[0].ExpiresAt) < NoticeLifetime-time.Minute {
		t.Errorf("%v, %v", waits, err)
	}
	open := newOutbox()
	run(t, &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": open}})
	empty(t, q)
	if to := open.to(); !slices.Equal(to, []string{"bob@example.org"}) {
		t.Errorf("sent to %v", to)
	}
	if letters := dead(t, q); len(letters) != 1 || letters[0].Kind != KindCode {
		t.Errorf("left: %v", letters)
	}
}

func TestRetryAllStopsAtAFullQueue(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	out.fail = func(Message) error { return ErrPermanent }
	stop := run(t, &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out}})
	add(t, q, notice("1"), notice("2"), notice("3"), job("c"))
	empty(t, q)
	stop()
	q.config.MaxQueue = 2
	if n, err := q.RetryAll(t.Context()); n != 2 || !errors.Is(err, ErrFull) {
		t.Errorf("%d, %v", n, err)
	}
	counts, err := q.Counts(t.Context())
	if diff := cmp.Diff(Counts{Queued: 2, Dead: 2}, counts); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestDeadLettersAreNotKeptForever(t *testing.T) {
	q, _ := newQueue(t)
	const more = 500
	batch := q.store.Pipeline()
	for i := range longestDead + more {
		batch.Do(t.Context(), "XADD", deadKey(), "*", FieldID, fmt.Sprint(i))
	}
	if _, err := batch.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := newOutbox()
	out.fail = func(Message) error { return ErrPermanent }
	run(t, &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out}})
	add(t, q, notice("last"))
	empty(t, q)
	letters := dead(t, q)
	if n := len(letters); n < longestDead || n >= longestDead+more || letters[n-1].ID != "last" {
		t.Errorf("%d are left, the last is %s", n, letters[n-1].ID)
	}
}
