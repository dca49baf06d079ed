package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/setting"
	"latchkey/resetapi/web"
)

func TestConfigFaults(t *testing.T) {
	for name, test := range map[string]struct {
		config web.Config
		keys   []string
	}{
		"defaults": {web.Defaults(), nil},
		"good": {web.Config{
			ServiceName: "Reset", SignInURL: "https://login.example.org/x", Name: "Desk",
			Email: "help@example.org", Phone: "+49 (30) 1234-0", Text: "Room 2",
		}, nil},
		"all wrong": {web.Config{
			ServiceName: strings.Repeat("x", 61), SignInURL: "http://login.example.org", Name: strings.Repeat("ü", 101),
			Email: "Help <help@example.org>", Phone: "ask Bob", Text: strings.Repeat("x", 501),
		}, []string{"email", "phone", "sign_in_url", "service_name", "name", "text"}},
		"requests": {web.Config{
			PanelAfter: setting.Duration(5 * time.Minute), RequestsTo: "help@example.org", RequestsLanguage: "de-AT",
			RequestsToDirectory: map[string]string{"main": "main@example.org"},
		}, nil},
		"requests wrong": {web.Config{
			PanelAfter: -1, RequestsTo: "Help <help@example.org>", RequestsLanguage: "german, please",
			RequestsToDirectory: map[string]string{"b": "b@Example.org", "a": ""},
		}, []string{"panel_after", "requests_to", "requests_to_directory.a", "requests_to_directory.b", "requests_language"}},
		"requests of a directory only": {web.Config{RequestsToDirectory: map[string]string{"a": "a@example.org"}}, []string{"requests_to"}},
		"too late a panel":             {web.Config{PanelAfter: setting.Duration(6 * time.Minute)}, []string{"panel_after"}},
		"no host":                      {web.Config{SignInURL: "https:///x"}, []string{"sign_in_url"}},
		"no scheme":                    {web.Config{SignInURL: "javascript:alert(1)"}, []string{"sign_in_url"}},
		"with login":                   {web.Config{SignInURL: "https://a:b@example.org"}, []string{"sign_in_url"}},
	} {
		var keys []string
		for _, fault := range test.config.Faults() {
			keys = append(keys, fault.Key)
		}
		if diff := cmp.Diff(test.keys, keys); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
