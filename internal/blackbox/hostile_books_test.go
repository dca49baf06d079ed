package blackbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// books are kept of a hostile walk, from outside: what was mailed, what was sent,
// and what was answered.
type books struct {
	read   int
	mailed map[string][]string
	// earned are the recoveries to which a code that was mailed to their person
	// after they began was sent; token is that of the proof.
	earned map[string]bool
	token  map[string]string
	// used is where a code passed a gate, done which recoveries wrote.
	used map[string]string
	done map[string]int
	// may are the passwords of a person that may be in force: the last that was
	// answered with done, and those after it whose answer never came.
	may map[string][]string
	// doubtful are the passwords whose answer never came, or was not known.
	doubtful int
}

func newBooks() *books {
	return &books{
		mailed: map[string][]string{}, earned: map[string]bool{}, token: map[string]string{},
		used: map[string]string{}, done: map[string]int{}, may: map[string][]string{},
	}
}

// codes are those that a person was sent so far.
func (b *books) codes(s *stack, uid string) []string {
	messages := s.mail.Messages()
	for ; b.read < len(messages); b.read++ {
		m := messages[b.read]
		whose, stored := strings.CutSuffix(m.To[0], "@home.test")
		if found := codeInMail.FindStringSubmatch(m.Text); stored && found != nil {
			b.mailed[whose] = append(b.mailed[whose], found[1]+found[2])
		}
	}
	return b.mailed[uid]
}

func (b *books) submitted(s *stack, a *attempt, code string) {
	if codes := b.codes(s, a.uid); slices.Contains(codes[min(a.since, len(codes)):], code) {
		b.earned[a.id] = true
	}
}

func (b *books) proved(s *stack, a *attempt, code string, own bool, r reply) {
	s.t.Helper()
	if r.status != http.StatusOK {
		return
	}
	if home := b.used[code]; !own || !b.earned[a.id] || home != "" && home != a.id {
		s.t.Errorf("a gate was passed: own token %v, own code %v, first passed in %q", own, b.earned[a.id], home)
	}
	b.used[code] = a.id
	token := r.json["token"].(string)
	if b.token[a.id] != "" && b.token[a.id] != token {
		s.t.Error("a gate was passed twice")
	}
	b.token[a.id] = token
}

func (b *books) wrote(t *testing.T, a *attempt, password string, own bool, r reply) {
	t.Helper()
	switch {
	case r.status == http.StatusOK:
		b.done[a.id]++
		b.may[a.uid] = []string{password}
	case (r.status == 0 || r.status == http.StatusAccepted) && b.earned[a.id]:
		b.may[a.uid] = append(b.may[a.uid], password)
		b.doubtful++
		return
	default:
		return
	}
	if !own || !b.earned[a.id] || b.done[a.id] > 1 {
		t.Errorf("a password was written: own token %v, own code %v, %d times", own, b.earned[a.id], b.done[a.id])
	}
}

func (b *books) looked(t *testing.T, a *attempt, own bool, r reply, err error) {
	t.Helper()
	if err == nil && r.status == http.StatusOK && (!own || r.json["state"] == "set_password" && !b.earned[a.id]) {
		t.Errorf("own token %v, own code %v: %s", own, b.earned[a.id], r.body)
	}
}

// close looks at the mails and the log: guesses that were compared and gates that
// were passed, by recovery, and the passwords that the directory took.
func (b *books) close(s *stack) {
	s.t.Helper()
	wrong, passed := map[string]int{}, map[string]int{}
	for line := range strings.Lines(s.log.String()) {
		var entry struct {
			Message  string `json:"msg"`
			Recovery string `json:"recovery"`
			Compared bool   `json:"compared"`
		}
		if json.Unmarshal([]byte(line), &entry) != nil {
			continue
		}
		switch {
		case entry.Message == "wrong code" && entry.Compared:
			wrong[entry.Recovery]++
		case entry.Message == "gate passed":
			passed[entry.Recovery]++
		}
	}
	for id, n := range wrong {
		if n > 5 {
			s.t.Errorf("%d wrong guesses were compared in %s", n, id)
		}
	}
	for id, n := range passed {
		if n > 1 || !b.earned[id] {
			s.t.Errorf("%s passed its gate %d times; its code was sent: %v", id, n, b.earned[id])
		}
	}
	for _, m := range s.mail.Messages() {
		if whose, stored := strings.CutSuffix(m.To[0], "@home.test"); codeInMail.MatchString(m.Text) && (!stored || !slices.Contains(testenv.People(), whose)) {
			s.t.Error("a code was mailed to somebody else")
		}
	}
	if len(b.done) < 5 || len(wrong) < 5 {
		s.t.Errorf("the walk proves little: %d passwords written and wrong codes in %d recoveries", len(b.done), len(wrong))
	}
	s.t.Logf("%d recoveries wrote, %d passed their gate, %d had wrong codes", len(b.done), len(passed), len(wrong))
}
