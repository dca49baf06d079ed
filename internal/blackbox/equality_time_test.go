package blackbox

import (
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// rounds is how many samples of each class a test of times takes: a few hundred,
// or 2,000 in a soak.
func rounds(few int) int {
	if soaking() {
		return 2000
	}
	return few
}

// timed are the logins whose times are compared: two ordinary people, somebody
// who does not exist and one who may not reset; in a soak one of each class but
// those who have used up something, which costs too many requests.
func timed() []string {
	logins := []string{"alice", "bob", "missing", "disabled"}
	if soaking() {
		logins = append(logins, "adminlocked", "protected", "notenabled", "nocontacts")
	}
	return logins
}

// deviations is how far the statistic of Mann and Whitney may be from 0.5, in
// standard deviations: it is further for one comparison in a million (p = 1e-6,
// two-sided), and we look twice. The deviation is that of independent samples. Ours are taken in
// turns of random order, so that what else the machine does meets all classes
// alike and only brings their ranks closer together.
const deviations = 4.9

// auc is how often one of a is longer than one of b, over all pairs: the
// statistic of Mann and Whitney, 0.5 where there is no difference.
func auc(a, b []time.Duration) float64 {
	wins := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				wins++
			case x == y:
				wins += 0.5
			}
		}
	}
	return wins / float64(len(a)*len(b))
}

// times are samples by step and login.
type times map[string]map[string][]time.Duration

func (all times) add(step, login string, d time.Duration) {
	if all[step] == nil {
		all[step] = map[string][]time.Duration{}
	}
	all[step][login] = append(all[step][login], d)
}

// timedSteps are made by everyone, each followed at once by a probe: a request
// that waits for whatever the step still has the server do.
var timedSteps = []struct {
	name string
	do   func(c *caller, login string) reply
	want int
}{
	{"start", func(c *caller, login string) reply { return c.start(login) }, http.StatusAccepted},
	{"open", func(c *caller, _ string) reply { return c.open() }, http.StatusAccepted},
	{"view", func(c *caller, _ string) reply { return c.view() }, http.StatusOK},
	{"prove", func(c *caller, _ string) reply { return c.prove("00000000") }, http.StatusUnprocessableEntity},
	{"prove again", func(c *caller, _ string) reply { return c.prove("00000000") }, http.StatusUnprocessableEntity},
}

// sample makes one round of all steps for all logins, each step in an order of
// its own. Between asking for a code and guessing, wait is called.
func (s *stack) sample(all times, wait func(), logins []string) {
	s.t.Helper()
	callers := make([]*caller, len(logins))
	for i := range logins {
		callers[i] = s.caller()
	}
	for _, step := range timedSteps {
		for _, i := range rand.Perm(len(logins)) {
			begun := time.Now()
			r := step.do(callers[i], logins[i])
			answered := time.Now()
			s.caller().do(http.MethodGet, "/recoveries/none", nil)
			probed := time.Now()
			callers[i].want(step.want, r)
			all.add(step.name, logins[i], answered.Sub(begun))
			all.add("probe behind "+step.name, logins[i], probed.Sub(answered))
		}
		if step.name == "open" {
			wait()
		}
	}
}

// compared holds the samples of all logins against the first one's. The second
// login is of the same class: should it differ, the measurement is at fault.
func (all times) compared(t *testing.T, logins []string) {
	t.Helper()
	for step, samples := range all {
		first := samples[logins[0]]
		n := float64(len(first))
		bound := deviations * math.Sqrt((2*n+1)/(12*n*n))
		for i, login := range logins[1:] {
			got := auc(first, samples[login])
			t.Logf("%s: %s is the slower one against %s in %.3f of the pairs of %d (0.5 ± %.3f)", step, logins[0], login, got, len(first), bound)
			switch {
			case math.Abs(got-0.5) <= bound:
			case i == 0:
				t.Errorf("%s: two ordinary people differ: the measurement is at fault", step)
			default:
				t.Errorf("%s tells %s from %s by its time", step, login, logins[0])
			}
		}
	}
}

// sameTime measures, and gives everyone their guesses back now and then.
func (s *stack) sameTime(t *testing.T, n int, wait func(), logins ...string) {
	t.Helper()
	const warm, early = 5, 30
	all := times{}
	for round := range n + warm {
		switch round {
		case warm:
			clear(all)
		case warm + early: // what differs a lot is seen by now
			if all.compared(t, logins); t.Failed() {
				return
			}
		}
		s.sample(all, wait, logins)
		if round%5 == 0 {
			s.forgetGuesses()
		}
	}
	all.compared(t, logins)
}

// forgetGuesses gives everyone all their guesses back.
func (s *stack) forgetGuesses() {
	s.t.Helper()
	const script = "local keys = redis.call('KEYS', 'latchkey:{hot}:guess:*'); if #keys > 0 then redis.call('DEL', unpack(keys)) end; return 1"
	if _, err := s.redis.Admin(s.t.Context(), "EVAL", script, "0"); err != nil {
		s.t.Fatal(err)
	}
}

// TestS39_TheSameTime for people who exist, may not reset, or do not exist. It is
// known who they are when codes are guessed.
func TestS39_TheSameTime(t *testing.T) {
	s := start(t, options{timed: true, limits: roomy(), recovery: "guesses_per_day = 50\n"})
	s.sameTime(t, rounds(150), s.delivered, timed()...)
}

// TestS39_TheSameTimeWithSlowServers: the directory answers each request after
// 300 ms, and the mail server takes a message as long. Codes are guessed before it
// is known whose they are.
func TestS39_TheSameTimeWithSlowServers(t *testing.T) {
	s := start(t, options{timed: true, limits: roomy(), recovery: "guesses_per_day = 50\nlookup_queue = 100000\n", proxied: true})
	const slow = 300 * time.Millisecond
	s.mail.Behave(testenv.MailBehavior{Delay: slow})
	s.proxy.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction {
		later := make(chan struct{})
		time.AfterFunc(slow, func() { close(later) })
		return testenv.LDAPAction{Wait: later}
	})
	s.sameTime(t, rounds(150), func() {}, timed()...)
	s.proxy.OnRequest(nil)
	s.mail.Behave(testenv.MailBehavior{})
}
