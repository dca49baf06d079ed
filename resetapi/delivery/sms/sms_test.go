package sms

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"latchkey/internal/keyring"
	"latchkey/internal/leaktest"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// generous is budgets without a bottom.
type generous struct{}

func (generous) Take(context.Context, ...ratelimit.Budget) (ratelimit.Decision, error) {
	return ratelimit.Decision{Allowed: true}, nil
}

// newGateway starts a gateway and returns the configuration that suits it.
func newGateway(t *testing.T) (*testenv.SMSGateway, Config) {
	t.Helper()
	g := testenv.NewSMSGateway(t, testenv.SMSOptions{})
	c := Defaults()
	c.Countries, c.URL, c.AllowPrivate = []string{"DE"}, g.URL, []string{"127.0.0.1"}
	return g, c
}

func open(t *testing.T, c Config, budgets Budgets) *Gateway {
	t.Helper()
	g, err := Open(c, Parts{
		PublicURL: "https://reset.example.org:8443/", Budgets: budgets, Ledger: newLedger(t, miniredis.RunT(t)), Meter: newCounted(),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// newLedger opens a ledger in a Redis in memory.
func newLedger(t *testing.T, server *miniredis.Miniredis) *Ledger {
	t.Helper()
	c := store.Defaults()
	c.Timeout = setting.Duration(storetest.Patience)
	c.Addresses = []string{server.Addr()}
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return NewLedger(s, keyring.Generate())
}

// counted remembers what the meter was told.
type counted struct {
	limited, paused map[string]int
	cost            float64
}

func newCounted() *counted {
	return &counted{limited: make(map[string]int), paused: make(map[string]int)}
}

func (c *counted) Limited(limit string)     { c.limited[limit]++ }
func (c *counted) SMSCost(spent float64)    { c.cost = spent }
func (c *counted) SMSPaused(country string) { c.paused[country]++ }

func message() delivery.Message {
	return delivery.Message{
		ID: "job-1", Kind: delivery.KindCode, To: "+4915123456789", Code: "12345678",
		ValidFor: 10 * time.Minute, Language: "en", Login: "alice",
	}
}

func TestSend(t *testing.T) {
	server, c := newGateway(t)
	c.Headers, c.Secret = []string{"authorization: Bearer {secret}", "X-Id: {id}"}, setting.NewSecret("hunter2")
	c.Sender, c.Body = `Ex"ample`, `{"to":"{to}","from":"{sender}","text":"{text}"}`
	if err := open(t, c, generous{}).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	r := server.Requests()[0]
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer hunter2" ||
		r.Header.Get("Idempotency-Key") != "job-1" || r.Header.Get("Connection") != "close" || r.Header.Get("X-Id") != "job-1" {
		t.Errorf("%s %v", r.Method, r.Header)
	}
	want := "1234 5678 is your code to set a new password. It is valid for 10 min. Never tell it to anybody, not even to support.\n@reset.example.org #12345678"
	if r.To != "+4915123456789" || r.Text != want || !strings.Contains(r.Body, `"from":"Ex\"ample"`) {
		t.Errorf("%s", r.Body)
	}
	if strings.Contains(r.Body, "alice") {
		t.Error("the SMS names the account")
	}
}

func TestFormsOfRequests(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		body   string
	}{
		"form": {func(c *Config) {
			c.ContentType, c.Body = typeForm, "user=me&key={secret}&to={digits}&text={text}"
			c.Secret = setting.NewSecret("a&b=c {text}")
		}, "user=me&key=a%26b%3Dc+%7Btext%7D&to=4915123456789&text="},
		"XML": {func(c *Config) {
			c.Method, c.ContentType, c.Body = http.MethodPut, typeXML, `<sms from="{sender}"><to>{to}</to><text>{text}</text></sms>`
			c.Sender = `<&">`
		}, `<sms from="&lt;&amp;&#34;&gt;"><to>+4915123456789</to><text>1234 5678 is`},
		"query": {func(c *Config) {
			c.Method, c.URL, c.Sender = http.MethodGet, c.URL+"?user=me&to={to}&text={text}&from={sender}", "a&to=+1"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server, c := newGateway(t)
			test.change(&c)
			if err := open(t, c, generous{}).Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			r := server.Requests()[0]
			if r.Method != c.Method || !strings.HasPrefix(r.Body, test.body) || (r.Body == "") != (test.body == "") {
				t.Errorf("%s %s", r.Method, r.Body)
			}
			if c.Method == http.MethodGet && (r.To != "+4915123456789" || r.URL.Query().Get("from") != "a&to=+1" || !strings.HasSuffix(r.Text, "#12345678")) {
				t.Errorf("query %s", r.URL.RawQuery)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := testenv.NewSMSGateway(t, testenv.SMSOptions{Certificates: certificates})
	c := Defaults()
	c.Countries, c.URL, c.AllowPrivate = []string{"DE"}, server.URL, []string{"127.0.0.0/8"}
	if err := open(t, c, generous{}).Send(t.Context(), message()); !errors.Is(err, delivery.ErrUnreachable) || errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("an unknown authority: %v", err)
	}
	c.CAFile = certificates.CAFile
	if err := open(t, c, generous{}).Send(t.Context(), message()); err != nil {
		t.Error(err)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestF26_AnswersOfTheGateway(t *testing.T) {
	for name, test := range map[string]struct {
		behavior testenv.SMSBehavior
		text     string
		want     error
	}{
		"taken":               {testenv.SMSBehavior{Status: 202}, "", nil},
		"taken, as it says":   {testenv.SMSBehavior{Body: "OK 1"}, "OK", nil},
		"broken":              {testenv.SMSBehavior{Status: 500}, "", errAny},
		"too many":            {testenv.SMSBehavior{Status: 429}, "", errAny},
		"a proxy gave up":     {testenv.SMSBehavior{Status: 504}, "", delivery.ErrUncertain},
		"taken and silent":    {testenv.SMSBehavior{Silent: true}, "", delivery.ErrUncertain},
		"not taken":           {testenv.SMSBehavior{Body: "ERROR +4915123456789"}, "OK", delivery.ErrPermanent},
		"refused":             {testenv.SMSBehavior{Status: 403, Body: "+4915123456789"}, "", delivery.ErrPermanent},
		"another success":     {testenv.SMSBehavior{Status: 204}, "", delivery.ErrPermanent},
		"S60: moved":          {testenv.SMSBehavior{Status: 307, Location: "/messages"}, "", delivery.ErrPermanent},
		"moved, with success": {testenv.SMSBehavior{Status: 302, Body: "OK", Location: "/messages"}, "OK", delivery.ErrPermanent},
	} {
		t.Run(name, func(t *testing.T) {
			server, c := newGateway(t)
			if c.SuccessText = test.text; test.behavior.Silent {
				c.Timeout = setting.Duration(3 * time.Second)
			}
			server.Behave(test.behavior)
			err := open(t, c, generous{}).Send(t.Context(), message())
			if test.want == errAny {
				if err == nil || errors.Is(err, delivery.ErrPermanent) || errors.Is(err, delivery.ErrUncertain) {
					t.Errorf("%v, want one that is tried again", err)
				}
			} else if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "1512") || strings.Contains(err.Error(), "5678")) {
				t.Errorf("the error tells too much: %v", err)
			}
			if n := len(server.Requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// errAny stands for an error that is tried again.
var errAny = errors.New("any")

func TestNobodyThere(t *testing.T) {
	server, c := newGateway(t)
	server.Behave(testenv.SMSBehavior{})
	port, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.URL = strings.Replace(c.URL, u.Port(), strconv.Itoa(port), 1) + "?to={to}&text={text}"
	c.Method = http.MethodGet
	err = open(t, c, generous{}).Send(t.Context(), message())
	if !errors.Is(err, delivery.ErrUnreachable) || errors.Is(err, delivery.ErrUncertain) || errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("%v", err)
	}
	if err != nil && (strings.Contains(err.Error(), "1512") || strings.Contains(err.Error(), "5678")) {
		t.Errorf("the error tells too much: %v", err)
	}
}

func TestSendingStopsWithItsContext(t *testing.T) {
	server, c := newGateway(t)
	server.Behave(testenv.SMSBehavior{Silent: true})
	g := open(t, c, generous{})
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := g.Send(ctx, message()); !errors.Is(err, delivery.ErrUncertain) {
			t.Errorf("%v", err)
		}
	})
	if _, err := server.Await(t.Context(), func(testenv.SMSRequest) bool { return true }); err != nil {
		t.Error(err)
	}
	cancel()
	sending.Wait()
}

func TestS45_Recipients(t *testing.T) {
	server, c := newGateway(t)
	c.Countries = []string{"DE", "AT"}
	g := open(t, c, generous{})
	for to, sent := range map[string]bool{
		"+4915123456789": true, "+436641234567": true,
		"+393123456789": false, "+499001234567": false, "+491801234567": false,
		"+88213312345": false, "+97912345678": false,
		"015123456789": false, "+4915123456789,+4915123456780": false, "": false, "+49 15123456789": false, "x": false,
	} {
		before := len(server.Requests())
		m := message()
		m.To = to
		err := g.Send(t.Context(), m)
		if sent != (err == nil) || !sent && !errors.Is(err, delivery.ErrPermanent) {
			t.Errorf("%s: %v", to, err)
		}
		if got := len(server.Requests()) - before; (got == 1) != sent {
			t.Errorf("%s: %d requests", to, got)
		}
	}
	for name, change := range map[string]func(*delivery.Message){
		"no id":   func(m *delivery.Message) { m.ID = "" },
		"no kind": func(m *delivery.Message) { m.Kind = "joke" },
	} {
		m := message()
		change(&m)
		if err := g.Send(t.Context(), m); !errors.Is(err, delivery.ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOff(t *testing.T) {
	if _, err := Open(Defaults(), Parts{PublicURL: "https://a.example"}); err == nil || Defaults().On() {
		t.Error("SMS is on without countries")
	}
}

// TestNothingTellsInTheLog: the warning about a budget has no number.
func TestNothingTellsInTheLog(t *testing.T) {
	_, c := newGateway(t)
	var log bytes.Buffer
	g, err := Open(c, Parts{PublicURL: "https://a.example", Budgets: spent{}, Meter: newCounted(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Send(t.Context(), message()); !errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("%v", err)
	}
	if strings.Contains(log.String(), "1512") || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("%s", &log)
	}
}

// spent is a prefix budget that is used up.
type spent struct{}

func (spent) Take(context.Context, ...ratelimit.Budget) (ratelimit.Decision, error) {
	return ratelimit.Decision{Limit: ratelimit.SMSPerPrefix}, nil
}
