package resetapi

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"latchkey/internal/store"
	"latchkey/resetapi/change"
	"latchkey/resetapi/recovery"
)

// story is how an example of the contract comes about: what the service says,
// and what the caller does otherwise than the example of the request.
type story func(c *call, s *scripted)

// without is a server on which passwords are not changed.
func (a *api) without() {
	a.server.changes = nil
	a.handler = a.server.Handler()
}

func at(clock string) time.Time {
	when, err := time.Parse(time.DateTime, "2026-03-02 "+clock)
	if err != nil {
		panic(err) // a constant of this file
	}
	return when
}

func says(v recovery.View, token string) story {
	return func(_ *call, s *scripted) { s.view, s.token = v, token }
}

func fails(err error) story { return func(_ *call, s *scripted) { s.err = err } }

func ends(end recovery.End) story { return fails(&recovery.EndedError{End: end}) }

// tellings are the good answers: the recovery as it goes on.
func tellings() map[string]story {
	both := []recovery.Method{recovery.EmailCode, recovery.SMSCode}
	view := func(step recovery.Step, expires string) recovery.View {
		return recovery.View{ID: recoveryID, Step: step, ExpiresAt: at(expires), Now: at("09:32:00")}
	}
	verify := func(expires string, methods ...recovery.Method) recovery.View {
		v := view(recovery.StepVerify, expires)
		v.GatesLeft, v.Methods = 1, methods
		return v
	}
	sent := verify("09:42:00", both...)
	sent.Challenge = &recovery.ChallengeView{Method: recovery.EmailCode, ExpiresAt: at("09:42:00"), ResendAt: at("09:32:30")}
	last := verify("09:44:00", both...)
	last.Challenge = &recovery.ChallengeView{Method: recovery.SMSCode, ExpiresAt: at("09:44:00")}
	unlocked := view(recovery.StepDone, "09:44:00")
	unlocked.Unlocked = true
	ended := view(recovery.StepEnded, "09:40:00")
	ended.End = recovery.Expired
	return map[string]story{
		"started":        says(verify("09:40:00", both...), firstToken),
		"verify":         says(verify("09:40:00", both...), ""),
		"code_sent":      says(sent, ""),
		"last_code_sent": says(last, ""),
		"first_of_two":   says(verify("09:43:30", recovery.SMSCode), nextToken),
		"last_gate":      says(view(recovery.StepSetPassword, "09:43:30"), nextToken),
		"set_password":   says(view(recovery.StepSetPassword, "09:43:30"), ""),
		"settling":       says(view(recovery.StepSettling, "09:44:00"), ""),
		"done":           says(view(recovery.StepDone, "09:44:00"), ""),
		"ended":          says(ended, ""),
		"unlocked":       says(unlocked, ""),
		"changed":        func(_ *call, s *scripted) { s.changed = change.Done },
		"change_unknown": func(_ *call, s *scripted) { s.changed = change.Unknown },
		"locked": func(_ *call, s *scripted) {
			s.rules = recovery.PasswordRules{MinLength: 15, MaxLength: 256, History: 3, QualityChecked: true, Locked: true}
		},
		"policy": func(_ *call, s *scripted) {
			s.rules = recovery.PasswordRules{MinLength: 15, MaxLength: 256, History: 3, QualityChecked: true}
		},
		"too_young": func(_ *call, s *scripted) {
			s.rules = recovery.PasswordRules{MinLength: 15, MaxLength: 64, Classes: 3, NoNames: true, Dictionary: true, ChangeableAt: at("18:00:00")}
		},
	}
}

// refusals are the problems: each type at least once.
func refusals() map[string]story {
	return map[string]story{
		"malformed": func(c *call, _ *scripted) { c.body, c.wrong = strings.TrimSuffix(c.body, "}"), true },
		"bad_login": func(c *call, s *scripted) {
			c.body, c.wrong, s.err = `{"login":" "}`, true, recovery.ErrBadLogin
		},
		"no_recovery":       fails(recovery.ErrNoRecovery),
		"cannot_unlock":     fails(recovery.ErrCannotUnlock),
		"wrong_credentials": fails(change.ErrWrong),
		"no_changes":        func(*call, *scripted) {}, // by the server itself
		"not_allowed":       ends(recovery.NotAllowed),
		"cross_origin":      func(c *call, _ *scripted) { c.header.Set("Sec-Fetch-Site", "cross-site") },
		"not_now":           fails(recovery.ErrNotNow),
		"too_soon":          fails(recovery.ErrTooSoon),
		"channel_frozen":    fails(recovery.ErrChannelFrozen),
		"no_more_codes":     fails(recovery.ErrNoMoreCodes),
		"expired":           ends(recovery.Expired),
		"too_many_guesses":  ends(recovery.TooManyGuesses),
		"superseded":        ends(recovery.Superseded),
		"too_large": func(c *call, _ *scripted) {
			c.body, c.wrong = `{"x":"`+strings.Repeat("x", maxBody)+`"}`, true
		},
		"misdirected":        func(c *call, _ *scripted) { c.host = "evil.example.net" },
		"wrong_code":         fails(&recovery.WrongCodeError{TriesLeft: 4}),
		"password_refused":   fails(&recovery.RefusedError{Reasons: []string{"too_short", "contains_login"}}),
		"limited":            fails(&recovery.LimitedError{RetryAfter: 17*time.Second + time.Millisecond}),
		"internal":           fails(errors.New("the cause, which nobody may see")),
		"unavailable":        fails(store.ErrUnavailable),
		"not_found":          func(c *call, _ *scripted) { c.path, c.wrong = "/nothing", true },
		"method_not_allowed": func(c *call, _ *scripted) { c.method, c.wrong = http.MethodPatch, true },
		"unsupported_media_type": func(c *call, _ *scripted) {
			c.header.Set("Content-Type", "application/x-www-form-urlencoded")
			c.wrong = true
		},
	}
}

// example is one answer that the contract shows.
type example struct {
	name, where, method, path, body, status string
	want                                    any
}

// examples collects what the contract shows: of each operation, and of the two
// problems that belong to none.
func examples(t *testing.T, d *openapi3.T) []example {
	t.Helper()
	var all []example
	for where, o := range operations(d) {
		method, path, _ := strings.Cut(where, " ")
		path = strings.ReplaceAll(path, "{id}", recoveryID)
		body := ""
		if o.RequestBody != nil {
			for _, shown := range o.RequestBody.Value.Content["application/json"].Examples {
				body = encode(t, shown.Value.Value)
			}
		}
		for status, response := range o.Responses.Map() {
			all = append(all, shown(example{where: where, method: method, path: path, body: body, status: status}, response)...)
		}
	}
	other := example{where: "elsewhere", method: http.MethodGet, path: "/recoveries"}
	for name, status := range map[string]string{"NotFound": "404", "MethodNotAllowed": "405"} {
		other.status = status
		all = append(all, shown(other, d.Components.Responses[name])...)
	}
	return all
}

func shown(of example, response *openapi3.ResponseRef) []example {
	var all []example
	for _, content := range response.Value.Content {
		for name, e := range content.Examples {
			of.name, of.want = name, e.Value.Value
			all = append(all, of)
		}
	}
	return all
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExamplesAreTrue plays every example of the contract: the handlers answer
// word for word what it shows.
func TestExamplesAreTrue(t *testing.T) {
	stories := tellings()
	maps.Copy(stories, refusals())
	told, spec := make(map[string]bool), description(t)
	for _, e := range examples(t, spec) {
		t.Run(e.where+" "+e.status+" "+e.name, func(t *testing.T) {
			tell := stories[e.name]
			if tell == nil {
				t.Fatal("no story tells how this example comes about")
			}
			told[e.name] = true
			a, c := newAPI(t, spec), good(e.method, e.path, e.body)
			tell(c, a.service)
			if e.name == "no_changes" {
				a.without()
			}
			answer := a.send(c)
			wantDocument(t, answer, e)
			if strings.Contains(e.name, "internal") != strings.Contains(a.log.String(), "the cause") {
				t.Errorf("the log is\n%s", a.log)
			}
		})
	}
	for name := range stories {
		if !told[name] {
			t.Errorf("the contract has no example %s", name)
		}
	}
}

// wantDocument wants the example's document, with the request's own id in it.
func wantDocument(t *testing.T, answer *http.Response, e example) {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := errors.Join(json.Unmarshal(body, &got), json.Unmarshal([]byte(encode(t, e.want)), &want)); err != nil {
		t.Fatal(err)
	}
	if _, problem := want["instance"]; problem {
		want["instance"] = answer.Header.Get("X-Request-Id")
	}
	if diff := cmp.Diff(want, got); diff != "" || answer.StatusCode != statusOf(t, e.status) {
		t.Errorf("status %d, want %s; document (-want +got):\n%s", answer.StatusCode, e.status, diff)
	}
}

func statusOf(t *testing.T, text string) int {
	t.Helper()
	var status int
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatal(err)
	}
	return status
}
