package benchmark

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/testenv"
)

// changes makes changes one by one, each of another person, and waits for each
// until it is in Redis.
func (s *syncRun) changes(ctx context.Context) error {
	client, err := s.slapd.Connect()
	if err != nil {
		return err
	}
	defer client.Close()
	keys, err := keyring.Load(filepath.Join(s.dir, "keys"))
	if err != nil {
		return err
	}
	c := store.Defaults()
	c.Timeout = setting.Duration(10 * time.Second) // as that of Latchkey here
	c.Addresses, c.Username, c.Password = []string{s.redis.Addr}, s.redis.Username, setting.NewSecret(s.redis.Password)
	opened, err := store.Open(c)
	if err != nil {
		return err
	}
	defer opened.Close()
	cards := contact.NewStore(opened, keys)
	var took []time.Duration
	for n := range s.Changes {
		i := n * (s.People / s.Changes)
		ids, err := client.Values(testenv.PersonDN(syncUID(i)), "entryUUID")
		if err != nil || len(ids) != 1 {
			return errors.Join(errMissing, err)
		}
		person, err := directory.ParseID("entryUUID:" + strings.ReplaceAll(ids[0], "-", ""))
		if err != nil {
			return err
		}
		if err := client.Replace(testenv.PersonDN(syncUID(i)), alternateAttribute, address(i, 1)); err != nil {
			return err
		}
		latency, err := arrives(ctx, cards, person.String(), address(i, 1))
		if err != nil {
			return err
		}
		took = append(took, latency)
	}
	s.report.Latency, s.report.Changes = spreadOf(took), len(took)
	return s.cardBytes(ctx, opened)
}

// arrives waits until a card has an address.
func arrives(ctx context.Context, cards *contact.Store, person, address string) (time.Duration, error) {
	begun := time.Now()
	for {
		card, err := cards.Get(ctx, "main", person)
		if err != nil {
			return 0, err
		}
		if all := card.Of(contact.Email, time.Now()); len(all) == 1 && all[0].Value == address {
			return time.Since(begun), nil
		}
		if time.Since(begun) > time.Minute {
			return 0, fmt.Errorf("a change is not in Redis after %v", time.Since(begun))
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// cardBytes looks at the size of a value.
func (s *syncRun) cardBytes(ctx context.Context, opened *store.Store) error {
	var size int
	stop := errors.New("enough")
	err := opened.Walk(ctx, store.CardPattern, func(_ string, sealed []byte) error { size = len(sealed); return stop })
	s.report.CardBytes = size
	if errors.Is(err, stop) {
		err = nil
	}
	return err
}
