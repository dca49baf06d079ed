package blackbox

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"latchkey/internal/testenv"
)

// ask asks the private listener.
func (s *stack) ask(path string) (int, string) {
	s.t.Helper()
	request, _ := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.private+path, nil)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestHealthAndMetrics: the private listener tells what happened, in numbers and
// without names, and what is missing; the public one has nothing of it.
func TestHealthAndMetrics(t *testing.T) {
	s := start(t, options{limits: roomy(), observed: true})
	c := s.caller().verified("alice")
	c.want(http.StatusOK, c.set(newPassword))
	s.delivered()
	for _, path := range []string{"/livez", "/readyz"} {
		if status, text := s.ask(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	_, metrics := s.ask("/metrics")
	for _, line := range []string{
		`latchkey_recoveries_total{kind="started"} 1`, `latchkey_writes_total{outcome="done"} 1`,
		`latchkey_gates_total{method="email",result="passed"} 1`, "latchkey_deliveries_total{", "latchkey_http_requests_total{", "go_goroutines ",
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	for _, never := range []string{"alice", "home.test", c.id, newPassword} {
		if strings.Contains(metrics, never) {
			t.Errorf("%q is in the metrics", never)
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/"} {
		if b := s.browser().visit(path); b.status != http.StatusNotFound {
			t.Errorf("%s on the public listener: %d", path, b.status)
		}
	}
	s.slapd.Stop()
	eventually(t, "it is not ready without the directory", func() bool {
		status, text := s.ask("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(text, `"directory main"`)
	})
	if status, _ := s.ask("/livez"); status != http.StatusOK {
		t.Errorf("it lives without the directory, and says %d", status)
	}
	if err := s.slapd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is ready again", func() bool { status, _ := s.ask("/readyz"); return status == http.StatusOK })
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// crowd opens connections to the public listener from an address of this
// machine; each sends the beginning of a request and then nothing more.
func (s *stack) crowd(from string, count int) {
	s.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range count {
		conn, err := dialer.DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.base, "http://"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { conn.Close() })
		_, _ = io.WriteString(conn, "POST /api/v1/recoveries HTTP/1.1\r\nHost: ") // it may be closed already
	}
}

// answers reports whether a page is served to somebody new.
func (s *stack) answers() bool {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, _ := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+"/", nil)
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// refusals is how many connections a limit refused.
func (s *stack) refusals(limit string) int {
	s.t.Helper()
	_, metrics := s.ask("/metrics")
	_, rest, ok := strings.Cut(metrics, "latchkey_connections_refused_total{limit=\""+limit+"\"} ")
	if !ok {
		return 0
	}
	number, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(number)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// TestF29_SlowClients: where few files may be open, one address that holds
// hundreds of connections is in nobody's way, and when very many do, there is no
// place for a moment, but the process, its health and its backends live on.
func TestF29_SlowClients(t *testing.T) {
	s := start(t, options{limits: roomy(), observed: true})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	few := filepath.Join(s.dir, "few-files")
	if err := os.WriteFile(few, []byte("#!/bin/sh\nulimit -n 256 && exec "+s.program+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.program, s.env = few, []string{"LATCHKEY_SERVER__TRUSTED_PROXIES=192.0.2.0/24", "LATCHKEY_SERVER__MAX_CONNECTIONS_PER_ADDRESS=20"}
	s.serve()
	s.crowd("127.0.0.2", 400)
	c := s.caller().verified("alice")
	c.want(http.StatusOK, c.set(newPassword))
	// After five seconds those that were let in first give way to others.
	eventually(t, "the crowd is refused", func() bool { return s.refusals("max_connections_per_address") >= 340 })
	for host := range 20 {
		s.crowd(fmt.Sprintf("127.0.1.%d", host+1), 20)
	}
	eventually(t, "there is no place", func() bool { return s.refusals("max_connections") > 0 })
	for _, path := range []string{"/livez", "/readyz"} {
		if status, text := s.ask(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	eventually(t, "there is place again", s.answers)
	s.log.await(t, "too few files for max_connections", 1)
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestS45_TheMoneyOfTheDay: when it is used up, no code goes by SMS, but mails
// and notices do, and the operator is told. That a code was entered is known.
func TestS45_TheMoneyOfTheDay(t *testing.T) {
	s, gateway := withSMS(t, options{limits: roomy(), observed: true})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_SMS__MAX_COST_PER_DAY=1.0", "LATCHKEY_SMS__PRICE=0.6"}
	s.serve()
	c := s.caller()
	c.start("bob")
	c.want(http.StatusAccepted, c.openBy("email"))
	c.want(http.StatusOK, c.proveBy("email", s.code("bob", 0)))
	c.want(http.StatusAccepted, c.openBy("sms"))
	code := s.smsCode(gateway, 0)
	// Nobody types so fast that the answer of the gateway is not noted yet.
	eventually(t, "the SMS is noted", func() bool {
		keys, err := s.redis.Admin(t.Context(), "KEYS", "latchkey:{hot}:sms:sent:*")
		return err == nil && strings.Contains(keys, "sent")
	})
	c.want(http.StatusOK, c.proveBy("sms", code))
	if keys, err := s.redis.Admin(t.Context(), "KEYS", "latchkey:{hot}:sms:entered:*"); err != nil || !strings.Contains(keys, "entered") {
		t.Errorf("nobody knows that the code was entered: %q, %v", keys, err)
	}
	c.want(http.StatusOK, c.set(newPassword))
	eventually(t, "the notice comes by SMS", func() bool { return len(gateway.Requests()) == 2 })
	c = s.caller()
	c.start("bob")
	c.want(http.StatusAccepted, c.openBy("email"))
	c.want(http.StatusOK, c.proveBy("email", s.code("bob", 1)))
	c.want(http.StatusAccepted, c.openBy("sms"))
	s.log.await(t, `"limit":"sms.max_cost_per_day","country":"DE"`, 1)
	if n := len(gateway.Requests()); n != 2 {
		t.Errorf("%d SMS, want 2", n)
	}
	_, metrics := s.ask("/metrics")
	for _, line := range []string{"latchkey_sms_cost_today 1.2", `latchkey_limited_total{limit="sms.max_cost_per_day"} 1`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
}

// TestS23_CommonPasswordsAreRefused before the directory is asked, with the
// reason; one of the operator's file once the process was told to read it.
func TestS23_CommonPasswordsAreRefused(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "refusals_per_recovery = 20"})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.file("blocklist", "something else\n")
	s.env = []string{"LATCHKEY_PASSWORD__BLOCKLIST_FILE=blocklist", "LATCHKEY_MAIL__SERVICE_NAME=Contoso"}
	s.serve()
	c := s.caller().verified("alice")
	for candidate, reason := range map[string]string{
		"Password123456789": "[too_common]", "alicealice": "[contains_login]", "Contoso2026!!": "[contains_context_word]", "Something ELSE": "[too_common]",
	} {
		if r := c.want(http.StatusUnprocessableEntity, c.set(candidate)); fmt.Sprint(r.json["reasons"]) != reason {
			t.Errorf("%q: %v, want %s", candidate, r.json["reasons"], reason)
		}
	}
	s.file("blocklist", newPassword+"\n")
	if err := s.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.log.await(t, `"msg":"reloaded"`, 1)
	if r := c.want(http.StatusUnprocessableEntity, c.set(newPassword)); fmt.Sprint(r.json["reasons"]) != "[too_common]" {
		t.Errorf("after SIGHUP: %v", r.json["reasons"])
	}
	c.want(http.StatusOK, c.set(newPassword+"!"))
	s.signsIn("alice", newPassword+"!", testenv.FirstPassword)
}
