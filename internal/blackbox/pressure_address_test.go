package blackbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// from sends a start from an address of the loopback, with headers as they are
// given, and returns its status.
func (s *stack) from(peer, login string, header http.Header) int {
	s.t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(peer)}}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
	}}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+"/api/v1/recoveries", strings.NewReader(`{"login": "`+login+`"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// fiveStarts is a limit that forged addresses would go around.
const fiveStarts = "[limits.starts_per_address]\nrates = [\"5/1h\"]\n"

// forged are claims to come from elsewhere; the last two are no addresses.
var forged = []http.Header{
	{"X-Forwarded-For": {"203.0.113.1"}},
	{"X-Forwarded-For": {"203.0.113.2", "203.0.113.3"}},
	{"Forwarded": {"for=203.0.113.4;proto=https"}},
	{"X-Real-Ip": {"203.0.113.5"}},
	{"Cf-Connecting-Ip": {"203.0.113.6"}, "True-Client-Ip": {"203.0.113.7"}, "X-Client-Ip": {"203.0.113.8"}},
	{"X-Forwarded-For": {"::ffff:203.0.113.9"}},
	{"X-Forwarded-For": {"2001:db8::1"}},
	{"X-Forwarded-For": {"203.0.113.10, 192.0.2.1"}},
	{"X-Forwarded-For": {"a"}},
	{"X-Forwarded-For": {strings.TrimSuffix(strings.Repeat("203.0.113.11, ", 1000), ", ") + ", "}},
}

// TestS43_StrangersCannotForgeTheirAddress: what a peer says that is no trusted
// proxy changes nothing; neighbors on other addresses are not made to pay.
func TestS43_StrangersCannotForgeTheirAddress(t *testing.T) {
	s := start(t, options{limits: roomy("starts_per_address") + fiveStarts})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_SERVER__TRUSTED_PROXIES=192.0.2.0/24"}
	s.serve()
	for n, header := range forged {
		want := http.StatusAccepted
		if n >= 5 {
			want = http.StatusTooManyRequests
		}
		if got := s.from("127.0.0.1", "alice", header); got != want {
			t.Errorf("start %d with %.60v: %d, want %d", n, header, got, want)
		}
	}
	if got := s.from("127.0.0.2", "alice", http.Header{"X-Forwarded-For": {"127.0.0.1"}}); got != http.StatusAccepted {
		t.Errorf("another address: %d", got)
	}
}

// TestS43_OddHeadersOfAProxy: behind a trusted proxy only X-Forwarded-For
// counts, and of it the nearest address that is none of ours. Where that is no
// address, the peer's own counts: no way around the limit, and no failure.
func TestS43_OddHeadersOfAProxy(t *testing.T) {
	s := start(t, options{limits: roomy("starts_per_address") + fiveStarts})
	odd := []http.Header{
		nil,
		{"X-Forwarded-For": {"a"}},
		{"X-Forwarded-For": {""}},
		{"X-Forwarded-For": {"203.0.113.1, unknown"}},
		{"X-Forwarded-For": {"203.0.113.300"}},
		{"X-Forwarded-For": {"127.0.0.9"}},
		{"Forwarded": {"for=203.0.113.4"}},
		{"X-Real-Ip": {"203.0.113.5"}},
		{"Cf-Connecting-Ip": {"203.0.113.6"}},
		{"X-Forwarded-For": {strings.Repeat("a,", 1000)}},
	}
	for n, header := range odd {
		want := http.StatusAccepted
		if n >= 5 {
			want = http.StatusTooManyRequests
		}
		if got := s.from("127.0.0.1", "alice", header); got != want {
			t.Errorf("start %d with %.60v: %d, want %d", n, header, got, want)
		}
	}
	if got := s.from("127.0.0.2", "alice", http.Header{"X-Forwarded-For": {"a"}}); got != http.StatusAccepted {
		t.Errorf("another proxy with an odd header: %d", got)
	}
	same := []string{"203.0.113.9", "::ffff:203.0.113.9", "198.51.100.1, 203.0.113.9", "203.0.113.9, 127.0.0.5", "a, 203.0.113.9", "198.51.100.2,203.0.113.9", "198.51.100.3, 203.0.113.9"}
	var got []int
	for _, value := range same {
		got = append(got, s.from("127.0.0.1", "alice", http.Header{"X-Forwarded-For": {value}}))
	}
	want := slices.Concat(slices.Repeat([]int{http.StatusAccepted}, 5), slices.Repeat([]int{http.StatusTooManyRequests}, 2))
	if !slices.Equal(got, want) {
		t.Errorf("seven ways to write one client: %v, want %v", got, want)
	}
}

// TestS42_NeighborsShareABudget: a household of IPv6 has one address, and the
// networks that people are given share a limit as well.
func TestS42_NeighborsShareABudget(t *testing.T) {
	const rates = "[limits.starts_per_address]\nrates = [\"2/1h\"]\n[limits.starts_per_network]\nrates = [\"5/1h\"]\n"
	s := start(t, options{limits: rates})
	const yes, no = http.StatusAccepted, http.StatusTooManyRequests
	for n, start := range []struct {
		from string
		want int
	}{
		{"2001:db8:1:1::1", yes},
		{"2001:db8:1:1::2", yes},
		{"2001:db8:1:1:ffff::3", no},
		{"2001:db8:1:2::1", yes},
		{"2001:db8:1:3::1", yes},
		{"2001:db8:1:4::1", yes},
		{"2001:db8:1:5::1", no},
		{"2001:db8:2:1::1", yes},
		{"203.0.113.1", yes},
		{"203.0.113.1", yes},
		{"203.0.113.1", no},
		{"203.0.113.2", yes},
		{"203.0.113.3", yes},
		{"203.0.113.4", yes},
		{"203.0.113.5", no},
		{"203.0.114.1", yes},
	} {
		c := s.caller()
		c.address = start.from
		if got := c.do(http.MethodPost, "/recoveries", fields{"login": fmt.Sprintf("user-%d", n)}).status; got != start.want {
			t.Errorf("start %d from %s: %d, want %d", n, start.from, got, start.want)
		}
	}
}
