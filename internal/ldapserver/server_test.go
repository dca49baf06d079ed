package ldapserver_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/ldapserver"
)

// inBubble runs a test in which time passes when nothing else happens.
func inBubble(t *testing.T, config ldapserver.Config, handler ldapserver.Handler, test func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, serve(t, config, handler)) })
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	inBubble(t, ldapserver.Config{}, office{bind: welcome}, func(t *testing.T, b *bench) {
		stranger, begun := b.dial(), time.Now()
		stranger.wantNotice(ldapserver.Unavailable)
		if idle := time.Since(begun); idle != time.Minute {
			t.Errorf("a stranger was closed after %s", idle)
		}
		known := b.dial()
		known.send(bind(1, "cn=x", "secret"))
		known.want(1, ldapserver.Success)
		begun = time.Now()
		known.wantNotice(ldapserver.Unavailable)
		if idle := time.Since(begun); idle != 15*time.Minute {
			t.Errorf("one who was bound was closed after %s", idle)
		}
	})
}

func TestWhoWaitsForAnAnswerIsNotIdle(t *testing.T) {
	config := ldapserver.Config{OperationTimeout: time.Hour}
	inBubble(t, config, office{search: untilEnd}, func(t *testing.T, b *bench) {
		w, begun := b.dial(), time.Now()
		w.send(search(1, 0, 0))
		w.want(1, ldapserver.TimeLimitExceeded)
		if took := time.Since(begun); took != time.Hour {
			t.Errorf("the search took %s", took)
		}
	})
}

func TestAMessageMustArriveInTime(t *testing.T) {
	inBubble(t, ldapserver.Config{}, office{}, func(t *testing.T, b *bench) {
		w, begun := b.dial(), time.Now()
		for _, octet := range search(1, 0, 0) {
			_ = w.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := w.Write([]byte{octet}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		w.wantEnd()
		if took := time.Since(begun); took > 12*time.Second {
			t.Errorf("a byte a second was read for %s", took)
		}
	})
}

func TestWhoDoesNotReadIsCut(t *testing.T) {
	var ended error
	flood := func(ctx context.Context, _ *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
		for {
			if err := send(ldapserver.Entry{DN: strings.Repeat("x", 1000)}); err != nil {
				ended = err
				return ldapserver.Result{}
			}
		}
	}
	inBubble(t, ldapserver.Config{}, office{search: flood}, func(t *testing.T, b *bench) {
		w, begun := b.dial(), time.Now()
		w.send(search(1, 0, 0))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if ended == nil {
			t.Errorf("sent into the void for %s", time.Since(begun))
		}
	})
}

func TestLimitsOfASearch(t *testing.T) {
	three := func(ctx context.Context, r *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
		for range 3 {
			if err := send(ldapserver.Entry{DN: "cn=x"}); err != nil {
				break
			}
		}
		if r.TimeLimit > 0 {
			<-ctx.Done()
		}
		return ldapserver.Result{}
	}
	inBubble(t, ldapserver.Config{}, office{search: three}, func(t *testing.T, b *bench) {
		w := b.dial()
		for sizeLimit, want := range map[int]struct {
			entries int
			code    ldapserver.Code
		}{0: {3, ldapserver.Success}, 2: {2, ldapserver.SizeLimitExceeded}, 3: {3, ldapserver.Success}} {
			w.send(search(sizeLimit+1, sizeLimit, 0))
			for range want.entries {
				if a, ok := w.read(); !ok || a.tag != 4 {
					t.Fatalf("size limit %d: %+v", sizeLimit, a)
				}
			}
			w.want(sizeLimit+1, want.code)
		}
		begun := time.Now()
		w.send(search(9, 0, 2))
		for range 3 {
			w.read()
		}
		w.want(9, ldapserver.TimeLimitExceeded)
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("the time limit ended the search after %s", took)
		}
	})
}

func TestAbandon(t *testing.T) {
	inBubble(t, ldapserver.Config{}, office{search: untilEnd}, func(_ *testing.T, b *bench) {
		w := b.dial()
		w.send(search(1, 0, 0))
		w.send(abandon(2, 1))
		w.send(abandon(3, 77))
		// The number is free again, and the one answer is to the second search.
		synctest.Wait()
		w.send(search(1, 0, 5))
		w.want(1, ldapserver.TimeLimitExceeded)
	})
}

func TestTooManyOperationsAtATime(t *testing.T) {
	config := ldapserver.Config{InFlight: 2}
	inBubble(t, config, office{search: untilEnd, bind: welcome}, func(_ *testing.T, b *bench) {
		w := b.dial()
		w.send(search(1, 0, 10))
		w.send(search(2, 0, 10))
		w.send(search(3, 0, 10))
		w.want(3, ldapserver.Busy)
		// Abandoned operations make room.
		w.send(abandon(4, 1))
		synctest.Wait()
		w.send(search(5, 0, 5))
		w.want(5, ldapserver.TimeLimitExceeded)
		w.want(2, ldapserver.TimeLimitExceeded)
	})
}

func TestTooManyBytesAtATime(t *testing.T) {
	inBubble(t, ldapserver.Config{MaxAnonymousMessage: 100}, office{search: untilEnd}, func(_ *testing.T, b *bench) {
		w := b.dial()
		// Each of these has more than 50.
		w.send(request(6, ldapserver.KindSearch, searchParts(strings.Repeat("x", 25), 0, 5)...))
		w.send(request(7, ldapserver.KindSearch, searchParts(strings.Repeat("x", 25), 0, 5)...))
		w.want(7, ldapserver.Busy)
		w.want(6, ldapserver.TimeLimitExceeded)
	})
}

func TestABindRunsAlone(t *testing.T) {
	running := false
	slow := func(ctx context.Context, r *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
		running = true
		result := untilEnd(ctx, r, send)
		running = false
		return result
	}
	var beside bool
	enter := func(context.Context, *ldapserver.BindRequest) ldapserver.Result {
		beside = running
		return ldapserver.Result{}
	}
	inBubble(t, ldapserver.Config{}, office{search: slow, bind: enter}, func(t *testing.T, b *bench) {
		w := b.dial()
		w.send(search(1, 0, 5))
		w.send(bind(2, "cn=x", "secret"))
		w.want(1, ldapserver.TimeLimitExceeded)
		w.want(2, ldapserver.Success)
		if beside {
			t.Error("the bind ran beside a search")
		}
	})
}

func TestTheServerEndsWithGrace(t *testing.T) {
	inBubble(t, ldapserver.Config{}, office{search: untilEnd}, func(t *testing.T, b *bench) {
		quick, slow, idle := b.dial(), b.dial(), b.dial()
		quick.send(search(1, 0, 3))
		slow.send(search(1, 0, 0))
		synctest.Wait()
		begun := time.Now()
		b.stop()
		idle.wantNotice(ldapserver.Unavailable)
		quick.want(1, ldapserver.TimeLimitExceeded)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("the answer came after %s", took)
		}
		quick.wantNotice(ldapserver.Unavailable)
		for {
			if _, ok := slow.read(); !ok {
				break
			}
		}
		if err := <-b.done; err != nil {
			t.Error(err)
		}
		b.done <- nil
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("the end took %s", took)
		}
	})
}

func TestTooManyConnections(t *testing.T) {
	inBubble(t, ldapserver.Config{Connections: 1}, office{}, func(_ *testing.T, b *bench) {
		first := b.dial()
		second := b.dial()
		second.wantNotice(ldapserver.Busy)
		first.Close()
		synctest.Wait()
		third := b.dial()
		third.send(extended(1, "1.2.3.4"))
		third.want(1, ldapserver.ProtocolError)
	})
}

func TestTheContextEndsWithTheConnection(t *testing.T) {
	var ended error
	var connection context.Context
	handler := office{
		opened: func(ctx context.Context, _ *ldapserver.Peer) { connection = ctx },
		search: func(ctx context.Context, r *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
			result := untilEnd(ctx, r, send)
			ended = ctx.Err()
			return result
		},
	}
	inBubble(t, ldapserver.Config{}, handler, func(t *testing.T, b *bench) {
		w := b.dial()
		w.send(search(1, 0, 0))
		synctest.Wait()
		w.Close()
		synctest.Wait()
		if ended == nil || connection.Err() == nil {
			t.Errorf("the operation's context: %v, the connection's: %v", ended, connection.Err())
		}
	})
}
