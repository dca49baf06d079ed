package testenv_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

func TestSMSGateway(t *testing.T) {
	g := testenv.NewSMSGateway(t, testenv.SMSOptions{})
	client := new(http.Client)
	post := func(kind, body string) (int, string) {
		t.Helper()
		answer, err := client.Post(g.URL, kind, strings.NewReader(body))
		if err != nil {
			return 0, ""
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(text)
	}
	g.Behave(testenv.SMSBehavior{Status: http.StatusTooManyRequests, Body: "later"})
	if status, text := post("application/json", `{"to":"+1","text":"a"}`); status != http.StatusTooManyRequests || text != "later" {
		t.Errorf("%d %q", status, text)
	}
	g.Behave(testenv.SMSBehavior{Silent: true})
	client.Timeout = time.Second
	if status, _ := post("application/json", `{"to":"+2","text":"b"}`); status != 0 {
		t.Errorf("a silent gateway answers %d", status)
	}
	client.Timeout = 0
	g.Behave(testenv.SMSBehavior{})
	post("application/x-www-form-urlencoded", url.Values{"to": {"+3"}, "text": {"c d"}}.Encode())

	ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	for to, text := range map[string]string{"+2": "b", "+3": "c d"} {
		if m, err := g.Await(ctx, func(r testenv.SMSRequest) bool { return r.To == to }); err != nil || m.Text != text {
			t.Errorf("to %s: %+v, %v", to, m, err)
		}
	}
	if all := g.Requests(); len(all) != 3 || all[0].Accepted || !all[1].Accepted {
		t.Errorf("%+v", all)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := g.Await(ended, func(testenv.SMSRequest) bool { return false }); err == nil {
		t.Error("a message that never came was found")
	}
}
