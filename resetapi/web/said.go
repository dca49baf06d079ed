package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/resetapi/problem"
)

// What is to be said of a form is on its way for at most a minute, in a cookie:
// the page, a number and the keys of sentences, with a separator between.
const (
	saidMaxAge    = 60
	saidSeparator = "~"
)

// saidName is the cookie's name. It is not signed: whoever can write it can
// have a page say one of our own sentences, and nothing else.
func (s *Site) saidName() string { return s.cookieName() + "-said" }

// again leads from a form that was refused back to its page.
func (s *Site) again(w http.ResponseWriter, r *http.Request, number int, keys ...string) {
	s.lead(w, r, pageOf(r.URL.Path), number, keys...)
}

// lead answers a form: by GET to a page, so that going back and reloading never
// send the form once more. The page says once what the keys stand for.
//
// The cookie is set also where nothing is to be said: Chromium keeps pages in
// memory in spite of no-store, with what was typed, and shows them again on
// going back, unless a cookie changed since.
func (s *Site) lead(w http.ResponseWriter, r *http.Request, page string, number int, keys ...string) {
	parts := append([]string{page, strconv.Itoa(number)}, keys...)
	s.setSaid(w, strings.Join(parts, saidSeparator), saidMaxAge)
	seeOther(w, r, page)
}

func (s *Site) setSaid(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.saidName(), Value: value, Path: "/", MaxAge: maxAge,
		Secure: !s.options.Insecure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// forget takes the cookie back from a browser that has it.
func (s *Site) forget(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie(s.saidName()); err == nil {
		s.setSaid(w, "", -1)
	}
}

// alert is one sentence about what to mend, and the field it is about.
type alert struct{ Text, Field string }

// alerts are what this page was asked to say. Anything in the cookie that is
// not ours is ignored.
func (s *Site) alerts(r *http.Request) []alert {
	cookie, err := r.Cookie(s.saidName())
	if err != nil {
		return nil
	}
	parts := strings.Split(cookie.Value, saidSeparator)
	if len(parts) < 3 || parts[0] != r.URL.Path {
		return nil
	}
	number, err := strconv.ParseUint(parts[1], 10, 31)
	if err != nil {
		return nil
	}
	speech := s.speech(r)
	var alerts []alert
	for _, key := range parts[2:] {
		field, ours := fieldOf(key)
		said := alert{speech.T(key, "n", int(number)), field}
		if !ours || !speech.Has(key) || slices.Contains(alerts, said) {
			continue
		}
		if key == keyOf(problem.Limited) && number > 0 {
			said.Text += " " + speech.T("failure.wait", "wait", speech.Wait(time.Duration(number)*time.Second))
		}
		alerts = append(alerts, said)
	}
	return alerts
}

// fieldOf is the field that a sentence about a form is about, if any, and
// whether it is such a sentence at all.
func fieldOf(key string) (field string, ours bool) {
	switch key {
	case "start.login_missing", "start.login_impossible":
		return "login", true
	case "verify.code_missing", "verify.wrong_code", "verify.no_tries":
		return "code", true
	case "password.missing":
		return "password", true
	case "change.current_missing", keyOf(problem.WrongCredential):
		return "current", true
	case "password.mismatch":
		return "again", true
	case keyOf(problem.NotNow), keyOf(problem.TooSoon), keyOf(problem.NoMoreCodes), keyOf(problem.Limited), keyOf(problem.Unavailable), keyOf(problem.ChannelFrozen), keyOf(problem.CannotUnlock):
		return "", true
	default:
		return "password", strings.HasPrefix(key, "reason.")
	}
}

func keyOf(t problem.Type) string { return "problem." + string(t) + ".text" }

// sentences are what the page of a form says of a problem, and the number in
// them. There are none for a problem that the page cannot show.
func (s *Site) sentences(p problem.Problem) (keys []string, number int) {
	switch p.Type {
	case problem.WrongCode:
		if p.TriesLeft > 0 {
			return []string{"verify.wrong_code"}, p.TriesLeft
		}
		return []string{"verify.no_tries"}, 0
	case problem.PasswordRefused:
		return s.reasons(p.Reasons), 0
	case problem.Limited:
		seconds := (p.RetryAfter + time.Second - 1) / time.Second
		return []string{keyOf(p.Type)}, int(seconds)
	case problem.WrongCredential, problem.CannotUnlock, problem.NotNow, problem.TooSoon, problem.NoMoreCodes, problem.Unavailable, problem.ChannelFrozen:
		return []string{keyOf(p.Type)}, 0
	default:
		return nil, 0
	}
}

// reasons are the sentences of why a password was refused. One without a
// sentence is as good as none.
func (s *Site) reasons(reasons []string) []string {
	const unknown = "reason.directory_refused"
	if len(reasons) == 0 {
		return []string{unknown}
	}
	keys := make([]string, 0, len(reasons))
	for _, reason := range reasons {
		key := "reason." + reason
		if !s.languages.spoken[0].Has(key) {
			key = unknown
		}
		keys = append(keys, key)
	}
	return keys
}
