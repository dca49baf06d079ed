package delivery

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A request for help is sent while everything else is held, with all that the
// caller wrote. One that is refused is kept and can be retried.
func TestRequestsForHelp(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	refuse := true
	out.fail = func(Message) error {
		if refuse {
			return fmt.Errorf("%w: no such mailbox", ErrPermanent)
		}
		return nil
	}
	caller := Caller{Name: "Bob", Phone: "110", Email: "bob@home.test", Message: "one\ntwo"}
	worker := &Worker{
		Queue: q, Channels: map[string]Channel{"email": out}, Pause: time.Millisecond,
		Recipients: recipients(func(j Job) ([]Message, error) { return []Message{{To: "help@example.org", Caller: j.Caller}}, nil }),
		Held:       func(context.Context) (bool, error) { return true, nil },
	}
	stop := run(t, worker)
	now, err := q.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add(t, q, Job{ID: "help", Kind: KindSupport, Method: "email", Caller: caller, ExpiresAt: now.Add(NoticeLifetime)})
	until(t, "the request to be refused", func() bool { return len(dead(t, q)) == 1 })
	if letter := dead(t, q)[0]; !letter.Kept {
		t.Errorf("%+v", letter)
	}
	stop()
	refuse = false
	run(t, worker)
	if err := q.Retry(t.Context(), "help"); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, out); got.Caller != caller || got.Kind != KindSupport {
		t.Errorf("%s", cmp.Diff(caller, got.Caller))
	}
}
