package web

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T) *languages {
	t.Helper()
	all, err := loadLanguages(messageFiles)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLanguageMatches(t *testing.T) {
	all := load(t)
	for header, want := range map[string]string{
		"": "en", "de": "de", "de-CH": "de", "fr": "en", "fr, de;q=0.3": "de", "en-GB, de": "en",
		"*": "en", "nonsense;;q=x": "en", strings.Repeat("-", 2000): "en",
	} {
		if got := all.match(header).Language(); got != want {
			t.Errorf("%.20q: %s, want %s", header, got, want)
		}
	}
}

func TestIncompleteCatalogsAreRefused(t *testing.T) {
	const english = "a = \"one {n}\"\n[b]\nc = { one = \"{n} day\", other = \"{n} days\" }\n"
	for name, test := range map[string]struct{ file, text, fault string }{
		"missing key":       {"fr.toml", "a = \"un {n}\"\n", "fr: b.c is missing"},
		"key of its own":    {"fr.toml", english + "d = \"x\"\n", "fr: b.d is not in the English catalog"},
		"other placeholder": {"fr.toml", strings.Replace(english, "one {n}", "un {m}", 1), "fr: a has the placeholders [{m}], not [{n}]"},
		"no text":           {"fr.toml", "a = 1\n", "a is neither a text nor a table"},
		"no plural form":    {"fr.toml", "a = { others = \"x\", other = \"y\" }\n", `"others" is not a plural form`},
		"no language":       {"klingon-of-the-far-north.toml", english, "messages/klingon"},
		"not TOML":          {"fr.toml", "a = ", "messages/fr.toml"},
	} {
		files := fstest.MapFS{"messages/en.toml": {Data: []byte(english)}, "messages/" + test.file: {Data: []byte(test.text)}}
		if _, err := loadLanguages(files); err == nil || !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s: %v, want %q", name, err, test.fault)
		}
	}
	if _, err := loadLanguages(fstest.MapFS{"messages/de.toml": {Data: []byte(english)}}); err == nil {
		t.Error("no English catalog, no error")
	}
}

func TestPluralForms(t *testing.T) {
	polish := "c = { one = \"{n} próba\", few = \"{n} próby\", many = \"{n} prób\", other = \"{n} próby\" }\n"
	all, err := loadLanguages(fstest.MapFS{
		"messages/en.toml": {Data: []byte("c = { one = \"{n} try\", other = \"{n} tries\" }\n")},
		"messages/pl.toml": {Data: []byte(polish)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range []int{1, 2, 5, 22} {
		got = append(got, all.match("en").T("c", "n", n), all.match("pl").T("c", "n", n))
	}
	want := []string{"1 try", "1 próba", "2 tries", "2 próby", "5 tries", "5 prób", "22 tries", "22 próby"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDurationsInWords(t *testing.T) {
	english := load(t).match("en")
	for d, want := range map[time.Duration]string{
		0: "less than a minute", 49 * time.Second: "less than a minute", 59 * time.Second: "1 more minute",
		110 * time.Second: "2 more minutes", 9*time.Minute + 45*time.Second: "9 more minutes", 10*time.Minute - time.Second: "10 more minutes",
	} {
		if got := english.Lasts(d); got != want {
			t.Errorf("Lasts(%s) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "less than a minute", time.Minute: "less than a minute", 61 * time.Second: "2 minutes",
		2 * time.Hour: "120 minutes", 121 * time.Minute: "3 hours", 49 * time.Hour: "3 days",
	} {
		if got := english.Wait(d); got != want {
			t.Errorf("Wait(%s) = %q, want %q", d, got, want)
		}
	}
}

// Whatever can happen has a sentence. The names are read from where they are
// declared, so that a new one without a sentence fails here.
func TestEverythingHasASentence(t *testing.T) {
	var keys []string
	want := func(file, kind, format string) {
		names := constants(t, file, kind)
		if len(names) == 0 {
			t.Errorf("no constants of type %s in %s", kind, file)
		}
		for _, name := range names {
			keys = append(keys, fmt.Sprintf(format, name))
		}
	}
	for _, part := range []string{"title", "text"} {
		want("../problem/problem.go", "Type", "problem.%s."+part)
		want("../recovery/state.go", "End", "end.%s."+part)
	}
	for _, part := range []string{"send", "resend", "where", "sent"} {
		want("../recovery/state.go", "Method", "method.%s."+part)
	}
	want("../../internal/directory/outcome.go", "Reason", "reason.%s")
	want("../support/request.go", "Fault", "fault.%s")
	// The twelve reasons that the design fixes.
	for reason := range strings.FieldsSeq("too_short too_long in_history unchanged too_young not_complex too_common breached contains_login contains_context_word forbidden_character directory_refused") {
		keys = append(keys, "reason."+reason)
	}
	keys = append(keys, usedKeys(t)...)
	for _, language := range load(t).spoken {
		for _, key := range keys {
			if !language.Has(key) {
				t.Errorf("%s: no message %s", language.Language(), key)
			}
		}
	}
}

// Messages that nothing says are left-overs.
func TestEveryMessageIsUsed(t *testing.T) {
	made := regexp.MustCompile(`^(problem|end|reason|method|notice|fault)\.`)
	used := usedKeys(t)
	for _, key := range slices.Sorted(maps.Keys(load(t).spoken[0].messages)) {
		if !made.MatchString(key) && !slices.Contains(used, key) {
			t.Errorf("nothing says %s", key)
		}
	}
}

// usedKeys are the keys that stand whole in templates and code.
func usedKeys(t *testing.T) []string {
	t.Helper()
	catalog := load(t).spoken[0]
	templates := regexp.MustCompile(`\.T "([^"]+)"`)
	code := regexp.MustCompile(`"([a-z_]+\.[a-z_0-9]+)"|T\("([a-z_0-9.]*[a-z_0-9])"`)
	var keys []string
	for pattern, expression := range map[string]*regexp.Regexp{"templates/*.html": templates, "*.go": code} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range expression.FindAllStringSubmatch(string(text), -1) {
				key := match[len(match)-1]
				if key == "" {
					key = match[1]
				}
				if expression == templates || catalog.Has(key) || strings.Contains(match[0], "T(") {
					keys = append(keys, key)
				}
			}
		}
	}
	return keys
}

// constants are the values of the string constants of a type in a file.
func constants(t *testing.T, file, kind string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != kind {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
		}
		return true
	})
	return values
}
