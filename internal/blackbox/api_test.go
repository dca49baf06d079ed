package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

const newPassword = "purple-Elephants-42"

// caller uses the API as a program would.
type caller struct {
	s *stack
	// address is where the requests seem to come from, behind a trusted proxy.
	address string
	id      string
	token   string
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (s *stack) caller() *caller { return &caller{s: s, address: "198.51.100.7"} }

func (c *caller) do(method, path string, body any) reply {
	c.s.t.Helper()
	r, err := c.try(method, path, body)
	if err != nil {
		c.s.t.Fatal(err)
	}
	return r
}

// try is do where the server may be dead.
func (c *caller) try(method, path string, body any) (reply, error) {
	var text io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(c.s.t.Context(), method, c.s.base+"/api/v1"+path, text)
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("X-Forwarded-For", c.address)
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	r := reply{status: answer.StatusCode, header: answer.Header}
	if r.body, err = io.ReadAll(answer.Body); err != nil {
		return reply{}, err
	}
	if len(r.body) > 0 {
		if err := json.Unmarshal(r.body, &r.json); err != nil {
			return reply{}, fmt.Errorf("%s %s: %w in %q", method, path, err, r.body)
		}
	}
	return r, nil
}

func (c *caller) want(status int, r reply) reply {
	c.s.t.Helper()
	if r.status != status {
		c.s.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

type fields = map[string]string

// start begins a recovery.
func (c *caller) start(login string) reply {
	c.s.t.Helper()
	c.token = ""
	r := c.want(http.StatusAccepted, c.do(http.MethodPost, "/recoveries", fields{"login": login}))
	c.id, c.token = r.json["id"].(string), r.json["token"].(string)
	return r
}

func (c *caller) view() reply { c.s.t.Helper(); return c.do(http.MethodGet, "/recoveries/"+c.id, nil) }

func (c *caller) open() reply {
	c.s.t.Helper()
	return c.do(http.MethodPost, "/recoveries/"+c.id+"/challenges", fields{"method": "email"})
}

func (c *caller) prove(code string) reply {
	c.s.t.Helper()
	r := c.do(http.MethodPost, "/recoveries/"+c.id+"/proofs", fields{"method": "email", "code": code})
	if r.status == http.StatusOK {
		c.token = r.json["token"].(string)
	}
	return r
}

func (c *caller) set(password string) reply {
	c.s.t.Helper()
	return c.do(http.MethodPut, "/recoveries/"+c.id+"/password", fields{"password": password})
}

// verified passes the gate of a person with the code from their mailbox.
func (c *caller) verified(uid string) *caller {
	c.s.t.Helper()
	return c.verifiedAs(uid, uid)
}

// verifiedAs is verified for who types another form of their login.
func (c *caller) verifiedAs(form, uid string) *caller {
	c.s.t.Helper()
	c.start(form)
	before := c.s.codesTo(uid)
	c.want(http.StatusAccepted, c.open())
	c.want(http.StatusOK, c.prove(c.s.code(uid, before)))
	return c
}

// mailTo counts the mails of a person.
func (s *stack) mailTo(uid string) int {
	n := 0
	for _, m := range s.mail.Messages() {
		if m.To[0] == uid+"@home.test" {
			n++
		}
	}
	return n
}

// codesTo counts the mails of a person that bring a code: notices come whenever
// they come.
func (s *stack) codesTo(uid string) int {
	n := 0
	for _, m := range s.mail.Messages() {
		if bringsCode(m, uid) {
			n++
		}
	}
	return n
}

func bringsCode(m testenv.Message, uid string) bool {
	return m.To[0] == uid+"@home.test" && codeInMail.MatchString(m.Text)
}

var codeInMail = regexp.MustCompile(`\b(\d{4}) (\d{4})\b`)

// code waits for the first code after the known ones.
func (s *stack) code(uid string, known int) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	seen := 0
	m, err := s.mail.Await(ctx, func(m testenv.Message) bool {
		if bringsCode(m, uid) {
			seen++
		}
		return seen > known && bringsCode(m, uid)
	})
	if err != nil {
		s.t.Fatalf("no mail for %s: %v\n%s", uid, err, s.log)
	}
	found := codeInMail.FindStringSubmatch(m.Text)
	if found == nil {
		s.t.Fatalf("no code in %q", m.Text)
	}
	return found[1] + found[2]
}

func reasons(r reply) string {
	var out []string
	list, _ := r.json["reasons"].([]any)
	for _, reason := range list {
		out = append(out, reason.(string))
	}
	return strings.Join(out, " ")
}

// TestResetThroughTheAPI is the thin line: mail, Redis and OpenLDAP are real.
func TestResetThroughTheAPI(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	wrong := "00000000"
	if code == wrong {
		wrong = "00000001"
	}
	if r := c.want(http.StatusUnprocessableEntity, c.prove(wrong)); r.json["tries_left"] != 4.0 {
		t.Errorf("after a wrong code: %s", r.body)
	}
	c.want(http.StatusConflict, c.set(newPassword))
	first := c.token
	c.want(http.StatusOK, c.prove(code))
	if c.token == first {
		t.Error("the token did not change with the proof")
	}
	policy := c.want(http.StatusOK, c.do(http.MethodGet, "/recoveries/"+c.id+"/password-policy", nil))
	if policy.json["min_length"] != 10.0 || policy.json["history"] != 3.0 {
		t.Errorf("policy: %s", policy.body)
	}
	for password, want := range map[string]string{
		"short":                "too_short",
		"nine-char":            "too_short", // ours allows 8, the directory's policy wants 10
		"I am alice, let me":   "contains_login",
		"tab\tin-the-password": "forbidden_character",
	} {
		if r := c.want(http.StatusUnprocessableEntity, c.set(password)); reasons(r) != want {
			t.Errorf("%q: reasons %q, want %q", password, reasons(r), want)
		}
	}
	if r := c.want(http.StatusUnprocessableEntity, c.set(testenv.FirstPassword)); reasons(r) != "unchanged" {
		t.Errorf("the same password: %s", r.body)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	if r := c.want(http.StatusOK, c.set(newPassword)); r.json["state"] != "done" {
		t.Errorf("set: %s", r.body)
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	if r := c.want(http.StatusOK, c.view()); r.json["state"] != "done" {
		t.Errorf("view: %s", r.body)
	}
	c.verified("alice")
	if r := c.want(http.StatusUnprocessableEntity, c.set(testenv.FirstPassword)); reasons(r) != "in_history" {
		t.Errorf("an earlier password: %s", r.body)
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

func TestTooYoungIsShownAndRefused(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller().verified("young")
	policy := c.want(http.StatusOK, c.do(http.MethodGet, "/recoveries/"+c.id+"/password-policy", nil))
	if policy.json["changeable_at"] == nil {
		t.Errorf("the policy does not tell when the password can be changed: %s", policy.body)
	}
	if r := c.want(http.StatusUnprocessableEntity, c.set(newPassword)); reasons(r) != "too_young" {
		t.Errorf("refused: %s", r.body)
	}
	s.signsIn("young", testenv.FirstPassword, newPassword)
}

// TestS64_StrictJSON: what two readers could read differently is refused.
func TestS64_StrictJSON(t *testing.T) {
	s := start(t, options{limits: roomy()})
	for body, want := range map[string]int{
		`{"login":"alice"}`:                          http.StatusAccepted,
		`{"login":"alice","login":"bob"}`:            http.StatusBadRequest,
		`{"login":"alice","email":"evil@evil.test"}`: http.StatusBadRequest,
		`{"login":["alice","bob"]}`:                  http.StatusBadRequest,
		`{"login":{"$ne":""}}`:                       http.StatusBadRequest,
		`{"login":null}`:                             http.StatusBadRequest,
		`{"login":"alice"}{}`:                        http.StatusBadRequest,
		"{\"login\":\"\xff\"}":                       http.StatusBadRequest,
		`{"login":"\ud800"}`:                         http.StatusBadRequest,
		`{"login":"alice"`:                           http.StatusBadRequest,
		`["alice"]`:                                  http.StatusBadRequest,
		`{}`:                                         http.StatusBadRequest,
		``:                                           http.StatusBadRequest,
		`{"login":""}`:                               http.StatusBadRequest,
		`{"login":"` + strings.Repeat("a", 70_000) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/api/v1/recoveries", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%.60s: status %d, want %d", body, answer.StatusCode, want)
		}
		if want != http.StatusAccepted && answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60s: content type %q", body, answer.Header.Get("Content-Type"))
		}
	}
}
