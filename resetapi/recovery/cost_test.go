package recovery

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/block"
	"latchkey/resetapi/delivery"
)

// watched is a harness on a real Redis, and what Redis says that it is asked.
type watched struct {
	*harness
	real  *store.Store
	lines *bufio.Scanner
	marks int
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	server := testenv.NewRedis(t, testenv.RedisOptions{Settings: []string{"user watcher on >watcher ~* &* +@all"}})
	real := storetest.Open(t, server)
	connection, err := net.Dial("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if _, err := io.WriteString(connection, "AUTH watcher watcher\r\nMONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	w := &watched{real: real, lines: bufio.NewScanner(connection)}
	w.lines.Buffer(nil, 1<<20)
	for range 2 {
		if !w.lines.Scan() || w.lines.Text() != "+OK" {
			t.Fatalf("MONITOR: %q, %v", w.lines.Text(), w.lines.Err())
		}
	}
	w.harness = newHarness(t, func(p *Parts) {
		p.Store, p.Limits = NewStore(real, p.Keys), ratelimit.New(real, p.Keys, generous())
		p.Blocks = block.New(real, p.Keys)
	})
	return w
}

// quoted is an argument in a line of MONITOR.
var quoted = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// during returns the commands that Redis ran meanwhile, those inside of scripts
// among them: the names, and how long each argument is that was sent.
func (w *watched) during(t *testing.T, f func()) []string {
	t.Helper()
	f()
	w.marks++
	mark := fmt.Sprintf("mark-%d-", w.marks)
	if err := w.real.Echo(t.Context(), mark).Err(); err != nil {
		t.Fatal(err)
	}
	var commands []string
	for w.lines.Scan() {
		line := w.lines.Text()
		if strings.Contains(line, mark) {
			return commands
		}
		arguments := quoted.FindAllStringSubmatch(line, -1)
		if len(arguments) == 0 || slices.Contains([]string{"hello", "client"}, strings.ToLower(arguments[0][1])) {
			continue
		}
		command := strings.ToLower(arguments[0][1])
		if !strings.Contains(line, " lua]") { // what a script does inside of Redis does not travel
			for _, a := range arguments[1:] {
				command += fmt.Sprintf(" %d", unquotedLength(a[1]))
			}
		}
		commands = append(commands, command)
	}
	t.Fatalf("MONITOR ended: %v", w.lines.Err())
	return nil
}

// unquotedLength is how many bytes an argument of MONITOR has.
func unquotedLength(s string) int {
	n := 0
	for i := 0; i < len(s); n++ {
		switch {
		case s[i] != '\\':
			i++
		case s[i+1] == 'x':
			i += 4
		default:
			i += 2
		}
	}
	return n
}

// TestADecoyCostsTheSame: for a person and for a login that nobody has, Redis is
// asked the same, command by command and byte by byte, by the look-up, by a code
// that is sent, and by each wrong code until the last.
func TestADecoyCostsTheSame(t *testing.T) {
	w := newWatched(t)
	w.add("alice")
	walk := func(login string) (steps [][]string) {
		var ticket Ticket
		note := func(f func()) { steps = append(steps, w.during(t, f)) }
		note(func() {
			var err error
			if ticket, _, err = w.Start(t.Context(), StartRequest{Login: login, Origin: API, Address: netip.MustParseAddr("192.0.2.1")}); err != nil {
				t.Fatal(err)
			}
		})
		id := <-w.lookups
		note(func() {
			if err := w.lookup(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		})
		note(func() { w.open(t, ticket, EmailCode) })
		for range 7 {
			note(func() { _, _, _ = w.Prove(t.Context(), ticket, EmailCode, "00000000") })
		}
		return steps
	}
	// One walk loads the scripts. Three spend the day of both, so the last guesses
	// of the third are not compared.
	walk("warm-up")
	for n := range 3 {
		real, decoy := walk("alice"), walk("nobody")
		for step := range real {
			if len(real[step]) == 0 {
				t.Fatalf("walk %d, step %d asks nothing", n, step)
			}
			if !slices.Equal(real[step], decoy[step]) {
				t.Errorf("walk %d, step %d:\n%s\n--- for a decoy:\n%s", n, step, strings.Join(real[step], "\n"), strings.Join(decoy[step], "\n"))
			}
		}
	}
}

// TestRoundTrips: how often Redis is asked for each step of a reset. The scripts
// were loaded before.
func TestRoundTrips(t *testing.T) {
	w := newWatched(t)
	w.add("alice")
	var ticket Ticket
	var job delivery.Job
	steps := []struct {
		name string
		most int
		do   func() error
	}{
		{"start", 2, func() (err error) {
			ticket, _, err = w.Start(t.Context(), StartRequest{Login: "alice", Origin: API, Address: netip.MustParseAddr("192.0.2.1")})
			return err
		}},
		{"open", 2, func() error {
			_, err := w.Open(t.Context(), ticket, EmailCode)
			job = <-w.jobs
			return err
		}},
		{"look-up and recipients", 3, func() error {
			messages, err := w.Recipients(t.Context(), job)
			if len(messages) != 1 {
				t.Errorf("%d messages", len(messages))
			}
			return err
		}},
		{"look-up by the other worker", 0, func() error {
			if pending, _ := w.begun.claim(<-w.lookups); pending != nil {
				t.Error("the look-up would be made again")
			}
			return nil
		}},
		{"proof", 3, func() (err error) {
			ticket, _, err = w.Prove(t.Context(), ticket, EmailCode, job.Code)
			return err
		}},
		{"password", 5, func() error {
			_, err := w.SetPassword(t.Context(), ticket, newPassword)
			job = <-w.jobs
			return err
		}},
		{"recipients of the notice", 0, func() error { // the cards of the harness are not in Redis
			_, err := w.Recipients(t.Context(), job)
			return err
		}},
	}
	for pass := range 2 {
		for _, step := range steps {
			before := w.reads(t)
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if got := w.reads(t) - before - 1; pass == 1 && got > step.most { // one is the question itself
				t.Errorf("%s: %d round trips, at most %d are wanted", step.name, got, step.most)
			}
		}
	}
}

// reads is how often Redis has read from a socket.
func (w *watched) reads(t *testing.T) int {
	t.Helper()
	text, err := w.real.Info(t.Context(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(text, "total_reads_processed:")
	count, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
