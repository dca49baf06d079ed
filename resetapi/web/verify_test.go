package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/resetapi/recovery"
)

func TestVerifyOffersEachMethod(t *testing.T) {
	v := at(recovery.StepVerify)
	v.GatesLeft, v.Methods = 2, []recovery.Method{recovery.EmailCode, recovery.SMSCode}
	page := visit(t, &fake{view: v}).get("/verify")
	page.shows(t, http.StatusOK, "if this account can be reset here", "After this code, there is 1 more check.")
	if diff := cmp.Diff(url.Values{"method": {"email", "sms"}}, page.fields("/verify/send")); diff != "" {
		t.Error(diff)
	}
}

func TestSend(t *testing.T) {
	var asked recovery.Method
	b := visit(t, &fake{open: func(m recovery.Method) (recovery.View, error) {
		asked = m
		return sent(), nil
	}})
	b.post("/verify/send", url.Values{"method": {"email"}}).leads(t, "/verify")
	if asked != recovery.EmailCode {
		t.Errorf("method %q", asked)
	}
}

func TestVerifyAsksForTheCode(t *testing.T) {
	b := visit(t, &fake{view: sent()})
	page := b.get("/verify")
	page.shows(t, http.StatusOK, "Valid for 10 more minutes.", "another code in less than a minute")
	if diff := cmp.Diff(url.Values{"method": {"email"}, "code": {""}}, page.fields("/verify/code")); diff != "" {
		t.Error(diff)
	}
	var field string
	for _, input := range page.all("input") {
		if attribute(input, "name") == "code" {
			field = attribute(input, "autocomplete") + " " + attribute(input, "inputmode")
		}
	}
	if field != "one-time-code numeric" {
		t.Errorf("the field of the code is %q", field)
	}
}

func TestVerifyWhenTheCodeIsOver(t *testing.T) {
	v := sent()
	v.Now = v.Challenge.ExpiresAt
	page := visit(t, &fake{view: v}).get("/verify")
	page.shows(t, http.StatusOK, "The code is no longer valid", "Ask for another one.")
	if len(page.fields("/verify/code")) > 0 {
		t.Error("still asks for the code")
	}
	v.Challenge.ResendAt = time.Time{}
	page = visit(t, &fake{view: v}).get("/verify")
	page.shows(t, http.StatusOK, "No further code can be sent this time.")
	if len(page.fields("/verify/send")) > 0 {
		t.Error("offers a code that cannot be sent")
	}
}

// S12: a proof changes the cookie. What people type between digits is dropped.
func TestS12_ProofRotatesTheCookie(t *testing.T) {
	var typed string
	b := visit(t, &fake{prove: func(ticket recovery.Ticket, _ recovery.Method, code string) (recovery.Ticket, recovery.View, error) {
		typed = ticket.Token + " " + code
		return recovery.Ticket{ID: "ID", Token: "NEXT"}, at(recovery.StepSetPassword), nil
	}})
	answer := b.post("/verify/code", url.Values{"method": {"email"}, "code": {" 1234 56–78\u00a0"}})
	answer.leads(t, "/password")
	if typed != "TOKEN 12345678" {
		t.Errorf("proved with %q", typed)
	}
	if got := answer.Header().Get("Set-Cookie"); !strings.HasPrefix(got, "__Host-latchkey=ID.NEXT;") {
		t.Errorf("cookie %q", got)
	}
}

func TestWrongCodes(t *testing.T) {
	for name, test := range map[string]struct {
		code     string
		err      error
		sentence string
	}{
		"wrong":         {"12345678", &recovery.WrongCodeError{TriesLeft: 3}, "you have 3 tries left"},
		"last but one":  {"12345678", &recovery.WrongCodeError{TriesLeft: 1}, "You have 1 try left."},
		"none left":     {"12345678", &recovery.WrongCodeError{}, "cannot be tried again"},
		"none typed":    {" - ", nil, "did not count as a try"},
		"replaced":      {"12345678", recovery.ErrNotNow, "another window was faster"},
		"too many":      {"12345678", &recovery.LimitedError{RetryAfter: time.Minute}, "Try again in less than a minute."},
		"store is away": {"12345678", recovery.ErrBusy, "Nothing was changed."},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{view: sent(), prove: func(recovery.Ticket, recovery.Method, string) (recovery.Ticket, recovery.View, error) {
				return recovery.Ticket{}, recovery.View{}, test.err
			}}
			b := visit(t, f)
			page := b.refused("/verify/code", url.Values{"method": {"email"}, "code": {test.code}}, "/verify")
			page.shows(t, http.StatusOK, test.sentence)
			page.titled(t, "Problem: Enter the code")
			if got := page.fields("/verify/code"); got.Get("method") != "email" || got.Get("code") != "" {
				t.Errorf("the form holds %v", got)
			}
			again := b.get("/verify")
			if strings.Contains(again.text(), test.sentence) || len(again.Header()["Set-Cookie"]) > 0 {
				t.Error("a reload says it once more")
			}
			again.titled(t, "Enter the code")
		})
	}
}

func TestSendTooSoonOrTooOften(t *testing.T) {
	for sentence, err := range map[string]error{
		"cannot ask for another code so soon":   recovery.ErrTooSoon,
		"No further code can be sent this time": recovery.ErrNoMoreCodes,
	} {
		f := &fake{view: sent(), open: func(recovery.Method) (recovery.View, error) { return recovery.View{}, err }}
		page := visit(t, f).refused("/verify/send", url.Values{"method": {"email"}}, "/verify")
		page.shows(t, http.StatusOK, sentence, "That did not work")
	}
}

func TestGuessesExhausted(t *testing.T) {
	ended := at(recovery.StepEnded)
	ended.End = recovery.TooManyGuesses
	b := visit(t, &fake{view: ended, prove: func(recovery.Ticket, recovery.Method, string) (recovery.Ticket, recovery.View, error) {
		return recovery.Ticket{}, recovery.View{}, &recovery.EndedError{End: recovery.TooManyGuesses}
	}})
	b.post("/verify/code", url.Values{"method": {"email"}, "code": {"1"}}).leads(t, "/ended")
	b.get("/ended").shows(t, http.StatusOK, "Too many wrong codes", "Start again")
}

// Two recoveries look alike but for nothing at all: no id, no token, no login.
func TestVerifyIsTheSameForEveryone(t *testing.T) {
	one, other := sent(), sent()
	other.ID = "OTHER"
	a, b := visit(t, &fake{view: one}), visit(t, &fake{view: other})
	b.cookie = "__Host-latchkey=OTHER.SECRET"
	first, second := a.get("/verify"), b.get("/verify")
	if diff := cmp.Diff(first.Body.String(), second.Body.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(first.Header(), second.Header()); diff != "" {
		t.Error(diff)
	}
}
