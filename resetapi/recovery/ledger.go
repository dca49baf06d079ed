package recovery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
)

// Ledger tells operators what a person has used up, and gives it back. It is for
// commands; recoveries never ask it.
type Ledger struct {
	store  *Store
	keys   *keyring.Ring
	limits *ratelimit.Limiter
	rules  Config
}

// NewLedger returns the ledger of a store.
func NewLedger(s *Store, keys *keyring.Ring, limits *ratelimit.Limiter, rules Config) *Ledger {
	return &Ledger{store: s, keys: keys, limits: limits, rules: rules}
}

// Used is how much of one limit a person has used up.
type Used struct {
	// Limit is its name: in [limits], or guesses_per_day or guesses_in_a_row.
	Limit string `json:"limit"`
	// Of is the method, or the contact, masked.
	Of string `json:"of,omitempty"`
	// KnownDevice: this is the share of a browser that reset before.
	KnownDevice bool `json:"known_device,omitempty"`
	// Per is the period, empty for what no time gives back.
	Per     string `json:"per,omitempty"`
	Count   int    `json:"used"`
	Allowed int    `json:"allowed"`
	Reached bool   `json:"reached"`
}

// Used lists what is used up of the limits on a person and on their contacts.
// What is whole is left out.
func (l *Ledger) Used(ctx context.Context, card contact.Card) ([]Used, error) {
	var all []Used
	purses, rows, err := l.purses(ctx, card)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		method, device, _ := strings.Cut(name, " ")
		all = append(all, used(Used{Limit: guessesInARow, Of: method, KnownDevice: device != "", Count: rows[name], Allowed: l.rules.GuessesInARow}))
	}
	for _, p := range purses {
		day, err := l.store.guessesToday(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, used(Used{Limit: "guesses_per_day", KnownDevice: p.device != "", Per: "24h0m0s", Count: day, Allowed: l.rules.GuessesPerDay}))
		for _, b := range budgetsOf(p, card) {
			rates, err := l.limits.Used(ctx, b.Budget)
			if err != nil {
				return nil, err
			}
			for _, r := range rates {
				all = append(all, used(Used{
					Limit: b.Limit, Of: b.shown, KnownDevice: p.device != "",
					Per: r.Rate.Period.String(), Count: r.Count, Allowed: r.Rate.Count,
				}))
			}
		}
	}
	return slices.DeleteFunc(all, func(u Used) bool { return u.Count == 0 }), nil
}

func used(u Used) Used {
	u.Reached = u.Count >= u.Allowed
	return u
}

// Clear gives back all that Used lists.
func (l *Ledger) Clear(ctx context.Context, card contact.Card) error {
	purses, _, err := l.purses(ctx, card)
	if err != nil {
		return err
	}
	var budgets []ratelimit.Budget
	for _, p := range purses {
		for _, b := range budgetsOf(p, card) {
			budgets = append(budgets, b.Budget)
		}
	}
	if err := l.limits.Clear(ctx, budgets...); err != nil {
		return err
	}
	return l.store.forgetGuesses(ctx, purses)
}

// purses are the person's purse and those of known devices on which a code was
// guessed wrongly, and the rows of all of them by their names.
func (l *Ledger) purses(ctx context.Context, card contact.Card) ([]purse, map[string]int, error) {
	everyone := purse{person: personIndex(l.keys, Subject{Directory: card.Directory, Person: card.Person})}
	rows, err := l.store.rows(ctx, everyone)
	if err != nil {
		return nil, nil, err
	}
	purses := []purse{everyone}
	for name := range rows {
		p := everyone
		if _, p.device, _ = strings.Cut(name, " "); !slices.Contains(purses, p) {
			purses = append(purses, p)
		}
	}
	return purses, rows, nil
}

// ownBudget is a budget of a person, and how the contact in it is shown.
type ownBudget struct {
	ratelimit.Budget

	shown string
}

// ChangeBudget is what a person has for changes of a password that they know, under
// whatever login.
func ChangeBudget(directory, person string) ratelimit.Budget {
	return ratelimit.Budget{Limit: ratelimit.ChangesPerPerson, Of: directory + "/" + person}
}

func budgetsOf(p purse, card contact.Card) []ownBudget {
	budgets := []ownBudget{{Budget: ratelimit.Budget{Limit: ratelimit.StartsPerPerson, Of: p.String()}}}
	if p.device == "" {
		budgets = append(budgets, ownBudget{Budget: ChangeBudget(card.Directory, card.Person)})
	}
	for _, c := range card.Contacts {
		of, shown := p.share(contactName(c)), contact.Mask(c.Kind, c.Value)
		budgets = append(budgets,
			ownBudget{ratelimit.Budget{Limit: ratelimit.MessagesPerContact, Of: of}, shown},
			ownBudget{ratelimit.Budget{Limit: ratelimit.StrictMessages, Of: of}, shown})
	}
	return budgets
}

// rows returns the wrong guesses in a row of a person, on all devices.
func (s *Store) rows(ctx context.Context, p purse) (map[string]int, error) {
	b := s.batch()
	rows := s.rowsWith(ctx, b, p)
	b.Send(ctx)
	return rows()
}

func (s *Store) rowsWith(ctx context.Context, b *store.Batch, p purse) func() (map[string]int, error) {
	_, key := s.purseKeys(p)
	read := b.Commands().HGetAll(ctx, key)
	return func() (map[string]int, error) {
		texts, err := read.Result()
		if err != nil {
			return nil, store.Unavailable(err)
		}
		rows := make(map[string]int, len(texts))
		for name, text := range texts {
			if rows[name], err = strconv.Atoi(text); err != nil {
				return nil, store.Unavailable(fmt.Errorf("a row is %q", text))
			}
		}
		return rows, nil
	}
}

// guessesToday counts the wrong guesses of a purse in the last 24 hours.
func (s *Store) guessesToday(ctx context.Context, p purse) (int, error) {
	now, err := s.clock(ctx)
	if err != nil {
		return 0, err
	}
	day, _ := s.purseKeys(p)
	n, err := s.redis.ZCount(ctx, day, "("+strconv.FormatInt(now.Add(-24*time.Hour).UnixMilli(), 10), "+inf").Result()
	return int(n), store.Unavailable(err)
}

func (s *Store) forgetGuesses(ctx context.Context, purses []purse) error {
	var keys []string
	for _, p := range purses {
		day, rows := s.purseKeys(p)
		keys = append(keys, day, rows)
	}
	return store.Unavailable(s.redis.Del(ctx, keys...).Err())
}
