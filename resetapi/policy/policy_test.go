package policy

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/directory"
)

type groups []string

func (g groups) Groups(context.Context, *directory.Person) ([]string, error) { return g, nil }

type away struct{}

func (away) Groups(context.Context, *directory.Person) ([]string, error) {
	return nil, directory.ErrUnavailable
}

func TestFirstMatchDecidesAndProtectedWins(t *testing.T) {
	p := New([]Rule{
		{Groups: []string{"CN=Contractors, OU=Groups,DC=x"}, Enabled: false, Gates: 1, Methods: []string{Email}},
		{Groups: []string{"cn=staff,ou=groups,dc=x"}, Enabled: true, Gates: 1, Methods: []string{Email}},
	}, Protected{Groups: []string{"cn=admins,ou=groups,dc=x"}, Entries: []string{"CN=Service, DC=x"}}, Administrators{})
	for name, c := range map[string]struct {
		dn         string
		groups     groups
		resettable bool
	}{
		"staff":                {"cn=a,dc=x", groups{"cn=staff,ou=groups,dc=x"}, true},
		"staff in other case":  {"cn=a,dc=x", groups{"CN=STAFF, OU=Groups, DC=X"}, true},
		"contractor and staff": {"cn=a,dc=x", groups{"cn=staff,ou=groups,dc=x", "cn=contractors,ou=groups,dc=x"}, false},
		"nobody's":             {"cn=a,dc=x", nil, false},
		"protected staff":      {"cn=a,dc=x", groups{"cn=staff,ou=groups,dc=x", "cn=Admins,ou=groups,dc=x"}, false},
		"protected entry":      {"cn=SERVICE,dc=x", groups{"cn=staff,ou=groups,dc=x"}, false},
	} {
		d, err := p.Decide(t.Context(), &directory.Person{DN: c.dn}, c.groups)
		if err != nil || d.Resettable() != c.resettable {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if d, err := p.Decide(t.Context(), &directory.Person{DN: "cn=a,dc=x"}, away{}); !errors.Is(err, directory.ErrUnavailable) || d.Resettable() {
		t.Errorf("unreadable groups: %+v, %v", d, err)
	}
	if d, _ := New(nil, Protected{}, Administrators{}).Decide(t.Context(), &directory.Person{DN: "cn=a,dc=x"}, away{}); d.Resettable() {
		t.Error("without a policy somebody may reset")
	}
}

// TestPublic: what strangers see does not depend on who they ask for.
func TestPublic(t *testing.T) {
	p := New([]Rule{
		{Groups: []string{"cn=a"}, Enabled: true, Gates: 2, Methods: []string{Email, "sms"}},
		{Enabled: true, Gates: 1, Methods: []string{Email}},
	}, Protected{}, Administrators{Groups: []string{"cn=b"}})
	if gates, methods := p.Public(); gates != 1 || !slices.Equal(methods, []string{Email}) {
		t.Errorf("%d, %v", gates, methods)
	}
}

// TestAdministrators have two gates, whatever a rule says; protected wins.
func TestAdministrators(t *testing.T) {
	rules := []Rule{{Enabled: false}}
	all := Administrators{Groups: []string{"CN=Admins, DC=x"}}
	admins := groups{"cn=admins,dc=x", "cn=staff,dc=x"}
	decide := func(p *Policy, g groups) Decision {
		t.Helper()
		d, err := p.Decide(t.Context(), &directory.Person{DN: "cn=a,dc=x"}, g)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	p := New(rules, Protected{Groups: []string{"cn=tier0,dc=x"}}, all)
	want := Decision{Administrator: true, Enabled: true, Gates: 2, Methods: []string{Email, SMS}, Rule: "administrators", Groups: []string{"cn=admins,dc=x"}}
	if diff := cmp.Diff(want, decide(p, admins)); diff != "" {
		t.Error(diff)
	}
	if d := decide(p, append(admins, "cn=tier0,dc=x")); d.Resettable() || !d.Protected || d.Rule != "protected" {
		t.Errorf("a protected administrator: %+v", d)
	}
	if d := decide(p, groups{"cn=staff,dc=x"}); d.Resettable() || d.Administrator || d.Rule != "policy[0]" {
		t.Errorf("somebody else: %+v", d)
	}
	all.SMSOff = true
	if d := decide(New([]Rule{{Enabled: true, Gates: 1, Methods: []string{Email}}}, Protected{}, all), admins); d.Resettable() || !d.Administrator {
		t.Errorf("without SMS: %+v", d)
	}
	if d, err := p.Decide(t.Context(), &directory.Person{DN: "cn=a,dc=x"}, away{}); err == nil || d.Resettable() {
		t.Errorf("unreadable groups: %+v, %v", d, err)
	}
}

func TestFaults(t *testing.T) {
	good := RuleDefaults()
	if f := good.Faults(); len(f) != 0 {
		t.Errorf("the defaults: %v", f)
	}
	if f := (Rule{Gates: 2, Methods: []string{SMS, Email}}).Faults(); len(f) != 0 {
		t.Errorf("two gates: %v", f)
	}
	for name, r := range map[string]Rule{
		"no gate":                    {Gates: 0, Methods: []string{Email}},
		"more gates than methods":    {Gates: 2, Methods: []string{Email}},
		"the same method twice":      {Gates: 2, Methods: []string{Email, Email}},
		"a method that is not there": {Gates: 1, Methods: []string{"questions"}},
	} {
		if len(r.Faults()) == 0 {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestOnly(t *testing.T) {
	for name, test := range map[string]struct {
		rule       Rule
		uses, only bool
	}{
		"both":      {Rule{Enabled: true, Methods: []string{Email, SMS}}, true, false},
		"SMS alone": {Rule{Enabled: true, Methods: []string{SMS, SMS}}, true, true},
		"e-mail":    {Rule{Enabled: true, Methods: []string{Email}}, false, false},
		"off":       {Rule{Methods: []string{SMS}}, false, false},
	} {
		if test.rule.Uses(SMS) != test.uses || test.rule.Only(SMS) != test.only {
			t.Errorf("%s: uses %v, only %v", name, test.rule.Uses(SMS), test.rule.Only(SMS))
		}
	}
}
