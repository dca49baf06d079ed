package ratelimit

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// turned is a Redis in memory whose clock the test turns.
func turned(t *testing.T, limits map[string]Limit) (*Limiter, func(time.Duration)) {
	t.Helper()
	server := miniredis.RunT(t)
	now := time.Unix(1_800_000_000, 0)
	server.SetTime(now)
	c := store.Defaults()
	c.Timeout = setting.Duration(storetest.Patience)
	c.Addresses = []string{server.Addr()}
	return limiter(t, c, limits), func(d time.Duration) {
		now = now.Add(d)
		server.SetTime(now)
		server.FastForward(d)
	}
}

func limiter(t *testing.T, c store.Config, limits map[string]Limit) *Limiter {
	t.Helper()
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return New(s, keyring.Generate(), limits)
}

func TestRates(t *testing.T) {
	l, forward := turned(t, map[string]Limit{"a": {[]Rate{{3, time.Minute}, {5, time.Hour}}}})
	take := func() Decision {
		t.Helper()
		d, err := l.Take(t.Context(), Budget{"a", "x"})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for range 3 {
		if d := take(); !d.Allowed {
			t.Fatalf("the burst is refused: %+v", d)
		}
	}
	d := take()
	if d.Allowed || d.Limit != "a" || d.RetryAfter != 20*time.Second {
		t.Fatalf("the fourth: %+v, want 20s", d)
	}
	forward(d.RetryAfter - time.Millisecond)
	if take().Allowed {
		t.Error("allowed before its time")
	}
	forward(time.Millisecond)
	if !take().Allowed {
		t.Error("refused at its time: a refused attempt must cost nothing")
	}
	forward(time.Minute)
	if !take().Allowed || take().Allowed {
		t.Error("the hour's rate does not hold")
	}
	if d, _ := l.Take(t.Context(), Budget{"a", "y"}); !d.Allowed {
		t.Error("another's budget is spent")
	}
}

// TestAllOrNothing: where one budget refuses, the others pay nothing.
func TestAllOrNothing(t *testing.T) {
	l, _ := turned(t, map[string]Limit{"one": {[]Rate{{1, time.Hour}}}, "two": {[]Rate{{2, time.Hour}}}})
	both := []Budget{{"two", ""}, {"one", ""}}
	if d, _ := l.Take(t.Context(), both...); !d.Allowed {
		t.Fatal("refused at the start")
	}
	for range 3 {
		if d, _ := l.Take(t.Context(), both...); d.Allowed || d.Limit != "one" {
			t.Fatalf("%+v", d)
		}
	}
	if d, _ := l.Take(t.Context(), Budget{"two", ""}); !d.Allowed {
		t.Error("refused attempts paid")
	}
}

// TestUsed tells how full the last budget is.
func TestUsed(t *testing.T) {
	l, forward := turned(t, map[string]Limit{"one": {[]Rate{{1000, time.Hour}}}, "ten": {[]Rate{{10, time.Hour}}}})
	for i := range 10 {
		if i == 5 {
			forward(6 * time.Minute)
		}
		d, err := l.Take(t.Context(), Budget{"one", ""}, Budget{"ten", ""})
		want := 10 * (i + 1)
		if i >= 5 {
			want -= 10 // one came back
		}
		if err != nil || !d.Allowed || d.Used != want {
			t.Errorf("number %d: %+v, %v, want %d percent", i, d, err, want)
		}
	}
}

// TestOnce: the same id pays once and hears the same answer, whatever happens
// meanwhile; a refusal is remembered as well.
func TestOnce(t *testing.T) {
	l, forward := turned(t, map[string]Limit{"two": {[]Rate{{2, time.Hour}}}})
	once := func(id string) Decision {
		t.Helper()
		b := l.store.Batch()
		decision := l.Once(t.Context(), b, id, 10*time.Minute, Budget{"two", "x"})
		b.Send(t.Context())
		d, err := decision()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for range 5 {
		if d := once("a"); !d.Allowed || d.Used != 50 {
			t.Fatalf("a: %+v", d)
		}
	}
	if !once("b").Allowed {
		t.Fatal("b is refused: a paid more than once")
	}
	first := once("c")
	if first.Allowed || first.Limit != "two" || first.RetryAfter == 0 {
		t.Fatalf("c: %+v", first)
	}
	if err := l.Clear(t.Context(), Budget{"two", "x"}); err != nil {
		t.Fatal(err)
	}
	if again := once("c"); again != first {
		t.Errorf("c again: %+v", again)
	}
	forward(11 * time.Minute)
	if !once("c").Allowed {
		t.Error("c is remembered too long")
	}
}

// TestUsedAndCleared: what is paid can be seen, and given back.
func TestUsedAndCleared(t *testing.T) {
	l, forward := turned(t, map[string]Limit{"a": {[]Rate{{3, time.Minute}, {5, time.Hour}}}})
	counts := func() (n []int) {
		t.Helper()
		used, err := l.Used(t.Context(), Budget{"a", "x"})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range used {
			n = append(n, u.Count)
		}
		return n
	}
	for range 3 {
		if d, err := l.Take(t.Context(), Budget{"a", "x"}); err != nil || !d.Allowed {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if got := counts(); !slices.Equal(got, []int{3, 3}) {
		t.Errorf("used: %v", got)
	}
	forward(time.Minute)
	if got := counts(); !slices.Equal(got, []int{0, 3}) {
		t.Errorf("used a minute later: %v", got)
	}
	if err := l.Clear(t.Context(), Budget{"a", "x"}); err != nil {
		t.Fatal(err)
	}
	if got := counts(); !slices.Equal(got, []int{0, 0}) {
		t.Errorf("used after clearing: %v", got)
	}
}

func TestUnknownLimitsAllowNothing(t *testing.T) {
	l, _ := turned(t, Defaults())
	if d, err := l.Take(t.Context(), Budget{Limit: "nonsense"}); err == nil || d.Allowed {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestParallelTakes asks a real Redis from many sides at once.
func TestParallelTakes(t *testing.T) {
	testenv.Need(t, "redis-server")
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	c := store.Defaults()
	c.Timeout = setting.Duration(storetest.Patience)
	c.Addresses, c.Username = []string{r.Addr}, r.Username
	c.Password = setting.NewSecret(r.Password)
	l := limiter(t, c, map[string]Limit{"a": {[]Rate{{7, time.Hour}}}})
	var allowed atomic.Int32
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if d, err := l.Take(context.Background(), Budget{"a", "x"}); err != nil {
				t.Error(err)
			} else if d.Allowed {
				allowed.Add(1)
			}
		})
	}
	all.Wait()
	if allowed.Load() != 7 {
		t.Errorf("%d allowed, want 7", allowed.Load())
	}
	r.Kill()
	if d, err := l.Take(t.Context(), Budget{"a", "z"}); !errors.Is(err, store.ErrUnavailable) || d.Allowed {
		t.Errorf("without Redis: %+v, %v", d, err)
	}
}

func TestRateTexts(t *testing.T) {
	var r Rate
	if err := r.UnmarshalText([]byte("10/10m")); err != nil || r != (Rate{10, 10 * time.Minute}) {
		t.Errorf("%v, %v", r, err)
	}
	for _, text := range []string{"", "10", "0/1m", "-1/1m", "1/0s", "1/1ms", "x/1m", "1/forever", "1/2000h"} {
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestAddressesShareBudgets(t *testing.T) {
	for _, pair := range [][2]string{{"192.0.2.1", "::ffff:192.0.2.1"}, {"2001:db8::1", "2001:db8::2"}, {"fe80::1%eth0", "fe80::1"}} {
		if a, b := Host(netip.MustParseAddr(pair[0])), Host(netip.MustParseAddr(pair[1])); a != b {
			t.Errorf("%v: %s and %s", pair, a, b)
		}
	}
	if Host(netip.MustParseAddr("192.0.2.1")) == Host(netip.MustParseAddr("192.0.2.2")) {
		t.Error("two IPv4 addresses share a host budget")
	}
	if Network(netip.MustParseAddr("192.0.2.1")) != Network(netip.MustParseAddr("192.0.2.200")) || Network(netip.MustParseAddr("2001:db8:0:1::1")) != Network(netip.MustParseAddr("2001:db8:0:2::1")) {
		t.Error("neighbors do not share a network budget")
	}
	if Host(netip.Addr{}) != "unknown" {
		t.Error("no address has no budget")
	}
}
