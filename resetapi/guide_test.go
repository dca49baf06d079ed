package resetapi

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/resetapi/recovery"
)

var (
	guideBlock = regexp.MustCompile("(?ms)^```(sh|json)\n(.*?)^```$")
	curlPath   = regexp.MustCompile(`"\$(api|recovery)([^"]*)"`)
	curlMethod = regexp.MustCompile(`-X (\S+)`)
	curlBody   = regexp.MustCompile(`-d '([^']*)'`)
)

// TestGuideKeepsToTheContract: each call that the page for developers makes is
// one of the contract, all of them are made, and what it shows as an answer is
// an example of the contract, tokens cut short.
func TestGuideKeepsToTheContract(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	spec := description(t)
	var known []any
	for _, e := range examples(t, spec) {
		known = append(known, plain(t, encode(t, e.want)))
	}
	asked := []string{"view"} // by its words, not by a command
	for _, block := range guideBlock.FindAllStringSubmatch(string(page), -1) {
		switch {
		case block[1] == "json":
			shown := plain(t, block[2])
			if !slices.ContainsFunc(known, func(example any) bool { return cmp.Equal(shown, example) }) {
				t.Errorf("the contract has no such example:\n%s", block[2])
			}
		case strings.HasPrefix(block[2], "curl"):
			asked = append(asked, guideCall(t, newAPI(t, spec), block[2]))
		}
	}
	slices.Sort(asked)
	if want := []string{"change", "give up", "open", "prove", "rules", "set", "start", "unlock", "view"}; !slices.Equal(asked, want) {
		t.Errorf("the page asks for %q, want %q", asked, want)
	}
}

// guideCall makes the call of a curl command and returns what it asks for.
func guideCall(t *testing.T, a *api, command string) string {
	t.Helper()
	part := func(pattern *regexp.Regexp, i int) string {
		if found := pattern.FindStringSubmatch(command); found != nil {
			return found[i]
		}
		return ""
	}
	path, body := part(curlPath, 2), part(curlBody, 1)
	if part(curlPath, 1) == "recovery" {
		path = onePath + path
	}
	method := part(curlMethod, 1)
	switch {
	case method != "":
	case body != "":
		method = http.MethodPost
	default:
		method = http.MethodGet
	}
	c := good(method, path, body)
	if !strings.Contains(command, `-H "Authorization: Bearer $token"`) {
		c.header.Del("Authorization")
	}
	a.service.err = recovery.ErrBusy // which every operation can answer
	a.send(c)
	return a.service.asked
}

// plain reads a document and cuts its token short.
func plain(t *testing.T, text string) any {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if token, ok := document["token"].(string); ok {
		document["token"] = token[:8]
	}
	return document
}
