package blackbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// evilAddress is where an attacker would like the code to go.
const evilAddress = "evil@elsewhere.test"

// TestS04_RecipientsComeFromTheStore: whatever addresses a request names, in
// whatever form, messages go to the stored contacts only, one recipient each.
func TestS04_RecipientsComeFromTheStore(t *testing.T) {
	s := start(t, options{limits: roomy()})
	s.run("contacts", "set", "--at-once", "alice", "--email=alice@home.test", "--email=alice@work.test")
	for _, login := range []string{
		"alice," + evilAddress, "alice;" + evilAddress, evilAddress, "alice " + evilAddress, "alice\u2028" + evilAddress, "alice)(mail=*", "alice@home.test," + evilAddress, "<" + evilAddress + ">",
	} {
		c := s.caller()
		c.start(login)
		c.want(http.StatusAccepted, c.open())
	}
	s.caller().want(http.StatusBadRequest, s.caller().do(http.MethodPost, "/recoveries", fields{"login": "alice\r\nBcc: " + evilAddress}))

	c := s.caller()
	c.start("alice")
	for _, body := range []string{
		`{"method":"email","email":"` + evilAddress + `"}`, `{"method":"email","email":["alice@home.test","` + evilAddress + `"]}`,
		`{"method":"email","email[]":"` + evilAddress + `"}`, `{"method":"email","to":"` + evilAddress + `"}`, `{"method":"email","method":"` + evilAddress + `"}`,
		`{"method":["email","` + evilAddress + `"]}`, `{"method":{"email":"` + evilAddress + `"}}`, `{"method":"email","phone":"+4915112345678"}`,
	} {
		if status := c.statusOf(http.MethodPost, s.base+"/api/v1/recoveries/"+c.id+"/challenges", "application/json", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", body, status)
		}
	}
	for _, method := range []string{evilAddress, "email," + evilAddress, "email;" + evilAddress, "email\r\ncc:" + evilAddress, ""} {
		c.want(http.StatusConflict, c.openBy(method))
	}
	c.want(http.StatusAccepted, c.open())
	s.formsWithAddresses()
	s.code("alice", 0)
	s.delivered()
	s.mailsOnlyTo("alice@home.test", "alice@work.test")
}

// formsWithAddresses sends what only an attacker would.
func (s *stack) formsWithAddresses() {
	s.t.Helper()
	for more, twice := range map[string]bool{
		"&email=" + evilAddress: false, "&email%5B%5D=" + evilAddress: false, "&to=" + evilAddress: false, "&cc=" + evilAddress: false, "&phone=%2B4915112345678": false,
		"&method=" + evilAddress: true, "&method=email": true,
	} {
		b := s.browser()
		b.visit("/").submit("/", fields{"login": "alice", "email": evilAddress}).on("/verify", http.StatusOK)
		request, _ := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+"/verify/send?email="+evilAddress, strings.NewReader("method=email"+more))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", s.base)
		if b.show(request); (b.status == http.StatusBadRequest) != twice {
			s.t.Errorf("method=email%s: %d", more, b.status)
		}
	}
}

// statusOf sends a body as it stands and returns the status.
func (c *caller) statusOf(method, address, contentType, body string) int {
	c.s.t.Helper()
	request, _ := http.NewRequestWithContext(c.s.t.Context(), method, address, strings.NewReader(body))
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("X-Forwarded-For", c.address)
	request.Header.Set("Authorization", "Bearer "+c.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.s.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// mailsOnlyTo checks that every mail has one recipient, and each of these got one.
func (s *stack) mailsOnlyTo(addresses ...string) {
	s.t.Helper()
	got := map[string]bool{}
	for _, m := range s.mail.Messages() {
		if len(m.To) != 1 || !slices.Contains(addresses, m.To[0]) || m.Header.Get("Cc")+m.Header.Get("Bcc") != "" || strings.Contains(m.Header.Get("To"), ",") {
			s.t.Errorf("a mail to %v, in its head %v", m.To, m.Header["To"])
			continue
		}
		got[m.To[0]] = true
	}
	if len(got) != len(addresses) {
		s.t.Errorf("mails went to %v only", got)
	}
}
