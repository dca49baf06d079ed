package resetapi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
)

// description loads the contract as it is served.
func description(t *testing.T) *openapi3.T {
	t.Helper()
	d, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// operations names every operation of the contract as "GET /path".
func operations(d *openapi3.T) map[string]*openapi3.Operation {
	found := make(map[string]*openapi3.Operation)
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			found[method+" "+path] = operation
		}
	}
	return found
}

func TestContractIsValid(t *testing.T) {
	if err := description(t).Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRoutesAreThePaths: no route is left out of the contract and no path is
// made up.
func TestRoutesAreThePaths(t *testing.T) {
	spec := description(t)
	var routes, paths []string
	err := chi.Walk(newAPI(t, spec).handler.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if path, ok := strings.CutPrefix(route, "/api/v1"); ok {
			routes = append(routes, method+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range operations(spec) {
		paths = append(paths, name)
	}
	slices.Sort(routes)
	slices.Sort(paths)
	if diff := cmp.Diff(routes, paths); diff != "" {
		t.Errorf("routes (-) and paths (+):\n%s", diff)
	}
}

// TestOperationsAreWhole: each has a name of its own, prose, and an example of
// each document.
func TestOperationsAreWhole(t *testing.T) {
	names := make(map[string]string)
	for where, o := range operations(description(t)) {
		if other, taken := names[o.OperationID]; taken || o.OperationID == "" || o.Summary == "" || len(o.Tags) != 1 {
			t.Errorf("%s: name %q (also of %q), summary %q, tags %v", where, o.OperationID, other, o.Summary, o.Tags)
		}
		names[o.OperationID] = where
		if o.Responses.Default() != nil {
			t.Errorf("%s: a default response hides what is not described", where)
		}
		if o.RequestBody != nil && len(o.RequestBody.Value.Content["application/json"].Examples) != 1 {
			t.Errorf("%s: the request has not one example", where)
		}
		for status, response := range o.Responses.Map() {
			for media, content := range response.Value.Content {
				if media != "application/yaml" && len(content.Examples) == 0 {
					t.Errorf("%s: %s has no example", where, status)
				}
			}
		}
	}
}

// TestProblemsOfOperations: each operation tells the problems that can come of
// it and no other. What the service fails with stands at its methods.
func TestProblemsOfOperations(t *testing.T) {
	d := description(t)
	own := map[string][]string{
		"startRecovery":      {"limited", "unavailable"},
		"viewRecovery":       {"no_recovery", "unavailable"},
		"giveUpRecovery":     {"no_recovery", "not_now", "ended", "not_allowed", "unavailable"},
		"openChallenge":      {"no_recovery", "not_now", "too_soon", "no_more_codes", "ended", "not_allowed", "unavailable", "channel_frozen"},
		"proveGate":          {"limited", "no_recovery", "not_now", "wrong_code", "ended", "not_allowed", "unavailable"},
		"readPasswordPolicy": {"no_recovery", "not_now", "ended", "not_allowed", "unavailable"},
		"unlockAccount":      {"no_recovery", "not_now", "cannot_unlock", "ended", "not_allowed", "unavailable"},
		"changePassword":     {"limited", "wrong_credentials", "password_refused", "not_found", "unavailable"},
		"setPassword":        {"no_recovery", "not_now", "password_refused", "ended", "not_allowed", "unavailable"},
	}
	for where, o := range operations(d) {
		method, path, _ := strings.Cut(where, " ")
		want := own[o.OperationID]
		if method == http.MethodHead {
			continue // has no documents
		}
		want = append(want, "misdirected")
		if path != "/openapi.yaml" {
			want = append(want, "internal")
		}
		if method != http.MethodGet {
			want = append(want, "cross_origin")
		}
		if o.RequestBody != nil {
			want = append(want, "bad_request", "too_large", "unsupported_media_type")
		}
		got := problemsOf(o)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: problems that come (-) and are told (+):\n%s", where, diff)
		}
	}
}

// problemsOf lists the types in the examples of an operation. Each is under the
// status that the type has.
func problemsOf(o *openapi3.Operation) []string {
	var found []string
	for _, response := range o.Responses.Map() {
		if content := response.Value.Content["application/problem+json"]; content != nil {
			for _, e := range content.Examples {
				kind, _ := e.Value.Value.(map[string]any)["type"].(string)
				found = append(found, strings.TrimPrefix(kind, "urn:latchkey:problem:"))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// TestEnumsAreTheConstants reads the constants from the source, so that a new
// one is red here until the contract tells it.
func TestEnumsAreTheConstants(t *testing.T) {
	schemas := description(t).Components.Schemas
	for schema, want := range map[string][]string{
		"State":       constants(t, "recovery", "Step"),
		"End":         constants(t, "recovery", "End"),
		"Method":      constants(t, "recovery", "Method"),
		"ProblemType": prefixed("urn:latchkey:problem:", constants(t, "problem", "Type")),
		"Reason":      slices.Concat(constants(t, "password", ""), constants(t, "../internal/directory", "Reason")),
	} {
		var got []string
		for _, value := range schemas[schema].Value.Enum {
			got = append(got, value.(string))
		}
		slices.Sort(want)
		want = slices.Compact(want)
		if len(want) < 2 {
			t.Errorf("%s: only %q found in the source", schema, want)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: constants (-) and enum (+):\n%s", schema, diff)
		}
	}
}

func prefixed(prefix string, values []string) []string {
	for i := range values {
		values[i] = prefix + values[i]
	}
	return values
}

// constants are the values of a package's exported text constants of one type;
// of those without a type where the type is empty.
func constants(t *testing.T, dir, typeName string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && typeOf(spec) == typeName && spec.Names[0].IsExported() {
				values = append(values, literalText(spec)...)
			}
			return true
		})
	}
	return values
}

func typeOf(spec *ast.ValueSpec) string {
	if named, ok := spec.Type.(*ast.Ident); ok {
		return named.Name
	}
	return ""
}

// literalText is the text that a constant is set to, if it is one.
func literalText(spec *ast.ValueSpec) []string {
	if len(spec.Values) != 1 {
		return nil
	}
	literal, ok := spec.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return nil
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return nil
	}
	return []string{value}
}
