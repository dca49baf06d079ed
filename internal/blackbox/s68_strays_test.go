package blackbox

import (
	"net/http"
	"strings"
)

// strays sends requests that are wrong in themselves, each with a canary where
// it does not belong, and returns the canaries.
func (s *stack) strays() map[string]string {
	s.t.Helper()
	canaries := map[string]string{}
	canary := func(name string) string {
		canaries[name] = "stray" + strings.ReplaceAll(name, " ", "") + "Q7x4k"
		return canaries[name]
	}
	const json, form = "application/json", "application/x-www-form-urlencoded"
	for _, one := range []struct{ method, path, kind, body string }{
		{"GET", "/?" + canary("query") + "=" + canary("value"), "", ""},
		{"GET", "/" + canary("path"), "", ""},
		{"GET", "/api/v1/recoveries/" + canary("id"), "", ""},
		{"PUT", "/api/v1/recoveries/" + canary("other id") + "/password", json, `{"password":"` + canary("early password") + `"}`},
		{"POST", "/api/v1/recoveries", json, `{"login":"` + canary("cut off")},
		{"POST", "/api/v1/recoveries", json, `{"` + canary("key") + `":"` + canary("text") + `"}`},
		{"POST", "/api/v1/recoveries", json, `{"login":["` + canary("list") + `"]}`},
		{"POST", "/api/v1/recoveries", json, `{"login":"nobody"}` + canary("tail")},
		{"POST", "/api/v1/recoveries", canary("kind") + "/x", canary("body")},
		{"POST", "/verify/code", form, "code=" + canary("code without recovery") + "&method=" + canary("method")},
		{"POST", "/password", form, "password=" + canary("one") + "&again=" + canary("other") + "&" + canary("field") + "=1"},
		{"POST", "/", form, "login=%zz" + canary("bad escape")},
		{"POST", "/", form, "login=" + canary("twice") + "&login=" + canary("again")},
		{strings.ToUpper(canary("verb")), "/verify", "", ""},
	} {
		request, err := http.NewRequestWithContext(s.t.Context(), one.method, s.base+one.path, strings.NewReader(one.body))
		if err != nil {
			s.t.Fatal(err)
		}
		if one.kind != "" {
			request.Header.Set("Content-Type", one.kind)
		}
		for _, name := range []string{"User-Agent", "Referer", "Accept-Language", "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Host", "Cookie", "Authorization", "If-None-Match"} {
			value := canary("header " + name)
			switch name {
			case "Cookie":
				value = "latchkey=" + value + "." + value
			case "Authorization":
				value = "Bearer " + value
			}
			request.Header.Set(name, value)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			s.t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode >= 500 {
			s.t.Errorf("%s %s: status %d", one.method, one.path, answer.StatusCode)
		}
	}
	return canaries
}
