package recovery

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"latchkey/internal/directory"
)

// TestNothingButCopies: each server is tried once, the operator reads one line,
// and the person may try again.
func TestNothingButCopies(t *testing.T) {
	var log bytes.Buffer
	h := newHarness(t, func(p *Parts) { p.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	tries := 0
	h.dir.onWrite = func(*directory.Person) { tries++ }
	h.dir.setErr = directory.ErrReadOnly
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if tries != 1 {
		t.Errorf("%d tries", tries)
	}
	if n := strings.Count(log.String(), "nobody can be reset: all servers"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &log)
	}
	if r := h.record(t, ticket.ID); r.State != Ready || r.Write != nil {
		t.Errorf("the state is %s, the write %+v", r.State, r.Write)
	}
	h.dir.setErr = nil
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("then %+v, %v", v, err)
	}
}
