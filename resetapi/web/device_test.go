package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"latchkey/resetapi/recovery"
)

// TestAKnownDevice: the browser on which a recovery ended well gets a mark, and
// brings it along when it starts again; a write that is not settled gives none.
func TestAKnownDevice(t *testing.T) {
	step, brought := recovery.StepSettling, ""
	f := &fake{
		set: func(string) (recovery.View, error) { return at(step), nil },
		start: func(r recovery.StartRequest) (recovery.Ticket, recovery.View, error) {
			brought = r.Device
			return recovery.Ticket{ID: "NEW", Token: "TOKEN"}, at(recovery.StepVerify), nil
		},
		give: func(recovery.Ticket) error { return nil },
	}
	b := visit(t, f)
	typed := url.Values{"password": {"correct horse"}, "again": {"correct horse"}}
	if c := device(b.post("/password", typed)); c != nil {
		t.Errorf("before the outcome is known: %v", c)
	}
	step = recovery.StepDone
	c := device(b.post("/password", typed))
	if c == nil || c.Value != "mark" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.MaxAge <= 0 || c.Path != "/" || c.Domain != "" {
		t.Fatalf("the mark is %v", c)
	}
	b.cookie += "; " + c.Name + "=" + c.Value
	b.post("/", url.Values{"login": {"alice"}})
	if brought != "mark" {
		t.Errorf("the browser brought %q", brought)
	}
}

func device(a answer) *http.Cookie {
	for _, c := range a.Result().Cookies() {
		if c.Name == "__Host-latchkey-device" {
			return c
		}
	}
	return nil
}
