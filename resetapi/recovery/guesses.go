package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"latchkey/internal/store"
)

// guesses is what the count before a comparison says.
type guesses struct {
	// compare: the guess may be compared. waiting: none was left before it, and an
	// earlier one may still be on its way.
	compare, waiting bool
	// code and recovery are the guesses that are left, row those in a row that
	// were not right, this one among them.
	code, recovery, row int
	// name is this guess's, to take it back if it was right.
	name string
}

// guessed is what a guess is for.
type guessed struct {
	recovery, challenge string
	method              Method
}

const (
	// inventedFor is how long the rows of a login that belongs to nobody are
	// kept after the last guess: as long as its day is. No code of it is ever
	// right, so nobody can see the difference, and invented logins cannot fill
	// the store.
	inventedFor = 24 * time.Hour
	// forever is how long those of people are kept, unless they are cleared.
	forever = 100 * 365 * 24 * time.Hour
)

// onItsWay is longer than it takes from counting a guess to storing what came of it.
const onItsWay = 10 * time.Second

// guess counts a guess against a purse. It fails closed: no count, no comparison.
func (s *Store) guess(ctx context.Context, b *store.Batch, rules Config, g guessed, p purse) func() (guesses, error) {
	name := rand.Text()
	lifetime := 2
	if p.invented {
		lifetime = 1
	}
	answer := b.Script(ctx, s.scripts.guess, s.guessKeys(g, p),
		rules.GuessesPerRecovery, rules.GuessesPerCode, rules.GuessesPerDay, rules.GuessesInARow,
		(rules.Lifetime.Std() + repeatable).Milliseconds(), name,
		p.row(g.method), inventedFor.Milliseconds(), forever.Milliseconds(), lifetime)
	return func() (guesses, error) { return counted(name, answer.Int64Slice) }
}

// counted reads the answer of the script.
func counted(name string, read func() ([]int64, error)) (guesses, error) {
	answer, err := read()
	if err == nil && len(answer) != 4 {
		err = errors.New("unexpected answer of the guess script")
	}
	if err != nil {
		return guesses{}, store.Unavailable(err)
	}
	count := guesses{compare: answer[0] == 1, code: int(answer[1]), recovery: int(answer[2]), name: name}
	if answer[0] == 0 {
		count.waiting = answer[3] < onItsWay.Milliseconds()
	} else {
		count.row = int(answer[3])
	}
	return count, nil
}

// right takes a right guess out of the counts that repeats an answer. It proves
// nothing again, so that the row of its method goes on.
func (s *Store) right(ctx context.Context, g guessed, p purse, name string) error {
	return store.Unavailable(s.scripts.right.Run(ctx, s.redis, s.guessKeys(g, p), name, p.row(g.method)).Err())
}

// pass is swap for a right guess that is new, which begins the row of its method
// anew.
func (s *Store) pass(ctx context.Context, g guessed, p purse, name string, old stored, next Record, lifetime time.Duration) error {
	return verdict(s.scripts.pass.Run(ctx, s.redis, append(s.guessKeys(g, p), recordKey(next.ID)),
		name, p.row(g.method), old.version, s.seal(next), lifetime.Milliseconds()))
}

func (s *Store) guessKeys(g guessed, p purse) []string {
	day, rows := s.purseKeys(p)
	return []string{store.Hot("guess", "recovery", g.recovery), store.Hot("guess", "code", g.challenge), day, rows}
}

// purseKeys name the guesses of a purse in a day, and the rows of a person, on
// all devices.
func (s *Store) purseKeys(p purse) (day, rows string) {
	return store.Hot("guess", "day", s.keys.Index("guesses", p.String())), store.Hot("guess", "rows", s.keys.Index("guesses", p.person))
}

// row names the guesses in a row by a method, of everyone or of the device.
func (p purse) row(m Method) string { return p.share(string(m)) }
