package confirmation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/verifier"
)

var alice = Person{Directory: "staff", ID: "p1", Login: "alice"}

// world is a service on a real Redis, and the messages that its jobs come to.
type world struct {
	*testing.T
	*Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, server)
	keys := keyring.Generate()
	return &world{t, &Service{
		Cards: contact.NewStore(s, keys), Codes: verifier.NewIssued(keys), Queue: delivery.NewQueue(s, keys, delivery.Defaults()),
		Reaches: func(c contact.Contact) bool { return !strings.HasPrefix(c.Value, "+1") },
	}}
}

// enter puts contacts that await their codes into the card of alice.
func (w *world) enter(values ...string) {
	w.Helper()
	e := contact.Entry{Source: contact.Staff, At: time.Now(), Rest: time.Hour}
	for _, value := range values {
		kind := contact.Mobile
		if strings.Contains(value, "@") {
			kind = contact.Email
		}
		e.Addresses = append(e.Addresses, contact.Address{Kind: kind, Value: value})
	}
	w.change(func(c *contact.Card) { c.Contacts = c.Entered(e) })
}

func (w *world) change(f func(*contact.Card)) {
	w.Helper()
	err := w.Cards.Update(w.Context(), alice.Directory, alice.ID, func(c *contact.Card) error { f(c); return nil })
	if err != nil {
		w.Fatal(err)
	}
}

// send issues codes and returns the messages that they come to, by recipient.
func (w *world) send(again bool, want int) map[string]delivery.Message {
	w.Helper()
	if n, _, err := w.Send(w.Context(), alice, again); err != nil || n != want {
		w.Fatalf("%d codes, %v, want %d", n, err, want)
	}
	return w.sent()
}

// sent works off the queue.
func (w *world) sent() map[string]delivery.Message {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	out := &outbox{got: make(map[string]delivery.Message)}
	worker := delivery.Worker{Queue: w.Queue, Recipients: w.Service, Channels: map[string]delivery.Channel{"email": out, "sms": out}, Logger: slog.New(slog.DiscardHandler)}
	var running sync.WaitGroup
	running.Go(func() { worker.Run(ctx) })
	for n := 1; n > 0; {
		var err error
		if n, err = w.Queue.Len(ctx); err != nil {
			w.Fatal(err)
		}
	}
	cancel()
	running.Wait()
	return out.got
}

type outbox struct {
	mu  sync.Mutex
	got map[string]delivery.Message
}

func (o *outbox) Send(_ context.Context, m delivery.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got[m.To] = m
	return nil
}

func (w *world) confirms(code string, want error) contact.Contact {
	w.Helper()
	c, err := w.Confirm(w.Context(), alice, code)
	if !errors.Is(err, want) {
		w.Errorf("%s: %v, want %v", code, err, want)
	}
	return c
}

// A code goes to its contact and confirms that one, once; the account is named.
func TestEachContactHasItsCode(t *testing.T) {
	w := newWorld(t)
	const address, number = "a@x.example", "+491701234567"
	w.enter(address, number)
	sent := w.send(false, 2)
	mail, sms := sent[address], sent[number]
	if mail.Method != "email" || sms.Method != "sms" || mail.Login != "alice" || mail.Kind != delivery.KindConfirmation ||
		mail.ValidFor < 59*time.Minute || sms.ValidFor > 10*time.Minute || mail.Code == sms.Code {
		t.Fatalf("%+v", sent)
	}
	w.confirms("1234", ErrForm)
	if c := w.confirms(sms.Code, nil); c.Value != number || c.Unverified || c.UsableFrom.Before(time.Now()) {
		t.Errorf("confirmed: %+v", c)
	}
	w.confirms(sms.Code, ErrWrongCode) // the other one is open
	if w.send(false, 0); len(w.send(true, 1)) != 1 {
		t.Error("no new code")
	}
	w.confirms(mail.Code, ErrWrongCode)
	if other, err := w.Confirm(t.Context(), Person{Directory: "staff", ID: "p2"}, mail.Code); !errors.Is(err, ErrNoCode) {
		t.Errorf("somebody else's: %+v, %v", other, err)
	}
}

// What is right for one contact is no wrong guess for the others, however many.
func TestManyContactsAreConfirmed(t *testing.T) {
	w := newWorld(t)
	var addresses []string
	for i := range Guesses + 2 {
		addresses = append(addresses, fmt.Sprintf("a%d@x.example", i))
	}
	w.enter(addresses...)
	sent := w.send(false, len(addresses))
	for _, address := range addresses {
		if c := w.confirms(sent[address].Code, nil); c.Value != address {
			t.Errorf("%s confirmed %q", address, c.Value)
		}
	}
}

// What no message gets to is sent no code, and that is told.
func TestNoCodeForWhatIsNotReached(t *testing.T) {
	w := newWorld(t)
	w.enter("a@x.example", "+12125550123")
	if sent, unreached, err := w.Send(t.Context(), alice, false); sent != 1 || unreached != 1 || err != nil {
		t.Errorf("%d sent, %d not reached, %v", sent, unreached, err)
	}
	if got := w.sent(); len(got) != 1 || got["a@x.example"].Code == "" {
		t.Errorf("sent: %+v", got)
	}
}

// A code dies of its age and of wrong ones, and does not go to who is gone.
func TestCodesEnd(t *testing.T) {
	w := newWorld(t)
	w.enter("a@x.example")
	code := w.send(false, 1)["a@x.example"].Code
	expires := func(d time.Duration) {
		w.change(func(c *contact.Card) { c.Contacts[0].Confirmation.ExpiresAt = time.Now().Add(d) })
	}
	expires(-time.Second)
	w.confirms(code, ErrNoCode)
	expires(time.Minute)
	for range Guesses - 1 {
		w.confirms("00000000", ErrWrongCode)
	}
	w.confirms("0000-0000", ErrWrongCode)
	w.confirms(code, ErrNoCode)

	if n, _, err := w.Send(t.Context(), alice, true); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.enter("b@x.example")
	if sent := w.sent(); len(sent) != 0 {
		t.Errorf("a code for a contact that was taken away: %+v", sent)
	}
}

// However many codes are typed at once, five are compared.
func TestGuessesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.enter("a@x.example")
	w.send(false, 1)
	var wrong atomic.Int32
	var typing sync.WaitGroup
	for i := range 40 {
		typing.Go(func() {
			_, err := w.Confirm(t.Context(), alice, fmt.Sprintf("%08d", i))
			switch {
			case errors.Is(err, ErrWrongCode):
				wrong.Add(1)
			case err != nil && !errors.Is(err, ErrNoCode) && !errors.Is(err, contact.ErrBusy):
				t.Error(err)
			}
		})
	}
	typing.Wait()
	if n := wrong.Load(); n > Guesses {
		t.Errorf("%d of 40 codes were compared, want %d at most", n, Guesses)
	}
}
