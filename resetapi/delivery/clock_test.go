package delivery

import (
	"testing"
	"time"
)

// TestTheTimeIsAskedNowAndThen: a job does not ask Redis for the time that another
// one just asked for; later ones do, and learn that it is away.
func TestTheTimeIsAskedNowAndThen(t *testing.T) {
	q, server := newQueue(t)
	s := &shift{Worker: &Worker{Queue: q}}
	first, err := s.now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	s.clock.asked = time.Now().Add(-askEvery / 10)
	if now, err := s.now(t.Context()); err != nil || now.Before(first.Add(askEvery/10)) {
		t.Errorf("soon after: %v, %v; first %v", now, err, first)
	}
	s.clock.asked = time.Now().Add(-askEvery)
	if _, err := s.now(t.Context()); err == nil {
		t.Error("an old time is told although Redis is away")
	}
}
