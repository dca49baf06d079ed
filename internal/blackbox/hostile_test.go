package blackbox

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/testenv"
)

// TestHostileWalkOnTheServer: several people at once, or one who pretends to be
// several, make random steps with swapped ids and tokens, codes of others and of
// before, replays and parallel copies, while the process dies and comes back. The
// directory, the mails and the log say afterwards what was done. There are 1,500
// steps, and 20,000 with SOAK=1; WALK_SEED repeats a walk, but not its timing.
func TestHostileWalkOnTheServer(t *testing.T) {
	steps, crashEvery := 1500, 500
	if soaking() {
		steps, crashEvery = 20_000, 1000
	}
	seed := rand.Uint64()
	if given, err := strconv.ParseUint(os.Getenv("WALK_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("WALK_SEED=%d", seed)
	s := start(t, options{limits: roomy(), hangs: true, recovery: "codes_per_gate = 10\nguesses_per_day = 50\nguesses_in_a_row = 100\nsettle_for = \"1s\"\n", slapd: testenv.SlapdOptions{AuditLog: true}})
	w := &hostile{s: s, random: rand.New(rand.NewPCG(seed, 0)), books: newBooks()}
	for step := range steps {
		if step%300 == 0 { // so that codes are compared all the time
			for _, uid := range victims {
				s.run("limits", "clear", uid)
			}
		}
		var dying sync.WaitGroup
		if w.dying = step%crashEvery == crashEvery-1; w.dying {
			dying.Go(s.kill)
		}
		w.step()
		if dying.Wait(); w.dying {
			s.serve()
		}
	}
	w.settle()
	w.judge()
}

// victims are attacked.
var victims = []string{"alice", "bob", "overlimit"}

// hostile walks. All its recoveries are known to all its people.
type hostile struct {
	s      *stack
	random *rand.Rand
	// dying: the process is killed meanwhile, so that nothing can be waited for.
	dying bool
	// open are the last recoveries, as whoever began them would go on.
	open  []*attempt
	books *books
	made  int
}

// attempt is a recovery that was begun.
type attempt struct {
	*caller
	uid string
	// since is how many codes the person had got before.
	since int
}

const openAtOnce = 8

func (w *hostile) step() {
	if len(w.open) < openAtOnce || w.random.IntN(12) == 0 {
		w.start()
		return
	}
	a := w.open[w.random.IntN(len(w.open))]
	if w.random.IntN(3) > 0 { // mostly one of the newest, so that walks get far
		a = w.open[len(w.open)-1-w.random.IntN(2)]
	}
	c := *a.caller
	if w.random.IntN(10) == 0 {
		c.token = w.open[w.random.IntN(len(w.open))].token // of another, or its own
	}
	own := c.token == a.token
	switch w.random.IntN(10) {
	case 0, 1:
		_, _ = c.try(http.MethodPost, "/recoveries/"+c.id+"/challenges", fields{"method": "email"})
	case 2, 3, 4:
		w.prove(a, &c, own)
	case 5, 6, 7:
		w.set(a, &c, own)
	case 8:
		r, err := c.try(http.MethodGet, "/recoveries/"+c.id, nil)
		w.books.looked(w.s.t, a, own, r, err)
	default:
		if w.random.IntN(8) == 0 {
			_, _ = c.try(http.MethodDelete, "/recoveries/"+c.id, nil)
		}
	}
}

func (w *hostile) start() {
	uid := append(victims, "nobody")[w.random.IntN(len(victims)+1)]
	c := w.s.caller()
	since := len(w.books.codes(w.s, uid))
	r, err := c.try(http.MethodPost, "/recoveries", fields{"login": uid})
	if err != nil || r.status != http.StatusAccepted {
		return
	}
	c.id, c.token = r.json["id"].(string), r.json["token"].(string)
	w.open = append(w.open, &attempt{caller: c, uid: uid, since: since})
	if len(w.open) > openAtOnce {
		w.open = w.open[1:]
	}
	_, _ = c.try(http.MethodPost, "/recoveries/"+c.id+"/challenges", fields{"method": "email"})
	if uid != "nobody" && w.random.IntN(2) == 0 && !w.dying {
		eventually(w.s.t, "the code came", func() bool { return len(w.books.codes(w.s, uid)) > since })
	}
}

// prove sends a code, one to three times at once.
func (w *hostile) prove(a *attempt, c *caller, own bool) {
	whose := a.uid
	if w.random.IntN(4) == 0 {
		whose = victims[w.random.IntN(len(victims))]
	}
	code := "00000000"
	if codes := w.books.codes(w.s, whose); len(codes) > 0 && w.random.IntN(5) > 0 {
		code = codes[len(codes)-1]
		if w.random.IntN(4) == 0 {
			code = codes[w.random.IntN(len(codes))]
		}
	}
	w.books.submitted(w.s, a, code)
	for _, r := range w.copies(c, http.MethodPost, "/proofs", func(int) fields { return fields{"method": "email", "code": code} }) {
		w.books.proved(w.s, a, code, own, r)
		if token, ok := r.json["token"].(string); ok && r.status == http.StatusOK {
			a.token = token
		}
	}
}

// set sends passwords, each of them never used before.
func (w *hostile) set(a *attempt, c *caller, own bool) {
	first := w.made
	w.made += 3
	password := func(i int) string { return fmt.Sprintf("walk-Through-Walls-%d", first+i) }
	for i, r := range w.copies(c, http.MethodPut, "/password", func(i int) fields { return fields{"password": password(i)} }) {
		w.books.wrote(w.s.t, a, password(i), own, r)
	}
}

// copies makes one to three equal requests at once. What never came has status 0.
func (w *hostile) copies(c *caller, method, path string, body func(i int) fields) []reply {
	replies := make([]reply, 1+w.random.IntN(3))
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() { replies[i], _ = c.try(method, "/recoveries/"+c.id+path, body(i)) })
	}
	all.Wait()
	return replies
}

// settle waits until no write is open any more.
func (w *hostile) settle() {
	for _, a := range w.open {
		eventually(w.s.t, "each write has an end", func() bool { return a.view().json["state"] != "settling" })
	}
}

// judge compares the books with what the directory and the log know.
func (w *hostile) judge() {
	for _, uid := range victims {
		in := 0
		for _, password := range append(w.books.may[uid], testenv.FirstPassword) {
			if w.s.slapd.Bind(w.s.t.Context(), testenv.PersonDN(uid), password) == nil {
				in++
			}
		}
		if in != 1 {
			w.s.t.Errorf("%s gets in with %d of the passwords that may be in force, want one", uid, in)
		}
	}
	w.books.close(w.s)
	done := 0
	for _, n := range w.books.done {
		done += n
	}
	if made := w.s.passwordChanges(); made < done || made > done+w.books.doubtful {
		w.s.t.Errorf("the directory changed %d passwords; %d were answered with done, and %d answers never came", made, done, w.books.doubtful)
	}
}

// passwordChanges counts the passwords that the directory changed, by its own log.
func (s *stack) passwordChanges() int {
	s.t.Helper()
	log, err := os.ReadFile(s.slapd.AuditLog())
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for change := range strings.SplitSeq(string(log), "\n\n") {
		if strings.Contains(change, "changetype: modify") && strings.Contains(change, "\nuserPassword:") {
			n++
		}
	}
	return n
}
