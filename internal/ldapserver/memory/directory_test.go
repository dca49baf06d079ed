package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// open opens a server as Latchkey does.
func (j judge) open(t *testing.T, change func(*directory.Config)) *directory.Directory {
	t.Helper()
	c := directory.Defaults()
	c.Name, c.Servers, c.CAFile = "staff", []string{j.ldapsURL}, j.caFile
	c.BaseDN, c.BindDN, c.BindPassword = testenv.BaseDN, testenv.ServiceDN, setting.NewSecret(testenv.ServicePassword)
	c.DefaultPolicyDN = testenv.DefaultPolicyDN
	if change != nil {
		change(&c)
	}
	var log bytes.Buffer
	d, err := directory.Open(c, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// told is what Latchkey made of an answer, without what differs by itself.
func told(err error) string {
	kind := "another error"
	switch refused, ok := errors.AsType[*directory.RefusedError](err); {
	case err == nil:
		return "done"
	case ok:
		return fmt.Sprintf("refused %v: %s", refused.Reasons, refused.Detail)
	case errors.Is(err, directory.ErrNotAllowed):
		kind = "not allowed"
	case errors.Is(err, directory.ErrNotFound):
		kind = "not found"
	case errors.Is(err, directory.ErrUnavailable):
		kind = "unavailable"
	}
	return kind + ": " + varying.ReplaceAllString(err.Error(), "…")
}

// play is one step of a script; it returns what is compared.
type play struct {
	name string
	do   func(*testing.T, judge, *directory.Directory) string
}

func reset(uid, password string) play {
	return play{"reset " + uid + " to " + password, func(t *testing.T, _ judge, d *directory.Directory) string {
		p, err := d.Find(t.Context(), uid)
		if err != nil {
			return told(err)
		}
		result, err := d.Reset(t.Context(), p, password)
		return fmt.Sprintf("unlocked %t, waived %t, incomplete %v, %s", result.Unlocked, result.AgeWaived, result.Incomplete, told(err))
	}}
}

func unlock(uid string) play {
	return play{"unlock " + uid, func(t *testing.T, _ judge, d *directory.Directory) string {
		p, err := d.Find(t.Context(), uid)
		if err != nil {
			return told(err)
		}
		return told(d.Unlock(t.Context(), p))
	}}
}

func look(uid string) play {
	return play{"look at " + uid, func(t *testing.T, _ judge, d *directory.Directory) string {
		p, err := d.Find(t.Context(), uid)
		if err != nil {
			return told(err)
		}
		again, err := d.Read(t.Context(), p.ID)
		if err != nil || again.DN != p.DN {
			return "read by id: " + told(err)
		}
		policy, policyErr := d.Policy(t.Context(), p)
		groups, err := d.Groups(t.Context(), p)
		slices.Sort(groups)
		return fmt.Sprintf("%s %s %q %q %s may reset %t, stamp %d, policy %+v %v, groups %v %v",
			p.DN, p.Login, p.DisplayName, p.Mail, p.State, p.MayReset(), len(p.ChangeStamp), withoutTime(policy), policyErr, groups, err)
	}}
}

func withoutTime(p *directory.PasswordPolicy) directory.PasswordPolicy {
	later := *p
	if !later.ChangeableAt.IsZero() {
		later.ChangeableAt = later.ChangeableAt.Truncate(later.MinAge)
	}
	return later
}

func settle(uid, password string) play {
	return play{"settle " + uid, func(t *testing.T, _ judge, d *directory.Directory) string {
		p, err := d.Find(t.Context(), uid)
		if err != nil {
			return told(err)
		}
		settlement, err := d.Settle(t.Context(), p.Attempt(), password)
		return fmt.Sprintf("%v, %s", settlement, told(err))
	}}
}

// bind is OpenLDAP's own client's.
func bind(uid, password string) play {
	return play{"bind as " + uid, func(t *testing.T, j judge, _ *directory.Directory) string {
		return step{as: uid + ":" + password, line: "ldapwhoami -e ppolicy"}.outcome(t, j)
	}}
}

func check() play {
	return play{"check", func(t *testing.T, _ judge, d *directory.Directory) string { return told(d.Check(t.Context())) }}
}

func everyone() play {
	return play{"everyone", func(t *testing.T, _ judge, d *directory.Directory) string {
		var all []string
		err := d.EachPage(t.Context(), directory.Query{Attributes: []string{"uid", "mail"}, PageSize: 4}, func(p directory.Page) error {
			all = append(all, fmt.Sprint(len(p.Entries)))
			for _, e := range p.Entries {
				all = append(all, fmt.Sprintf("%s %v", e.ID.Kind, e.Attributes))
			}
			return nil
		})
		slices.Sort(all)
		return strings.Join(all, "\n") + told(err)
	}}
}

// TestLatchkeyBesideSlapd plays the same through internal/directory on both.
func TestLatchkeyBesideSlapd(t *testing.T) {
	t.Parallel()
	writes := []string{"pwdAccountLockedTime", "pwdReset"}
	wrong := bind("alice", "wrong")
	for name, test := range map[string]struct {
		options testenv.SlapdOptions
		change  func(*directory.Config)
		script  []play
	}{
		"people": {script: []play{
			check(), everyone(), look("alice"), look("ALICE"), look("adminlocked"), look("disabled"), look("protected"), look("young"), look("unknown"), look("*"), look("al*"), look("alice)(uid=*"),
		}},
		"refusals": {script: []play{
			reset("alice", "short-1"), reset("alice", testenv.FirstPassword), reset("alice", second), reset("alice", testenv.FirstPassword), reset("alice", third),
			bind("alice", third), bind("alice", second), reset("young", second), reset("adminlocked", second), reset("disabled", second), reset("unknown", second),
			settle("alice", third), settle("bob", third), look("alice"), look("bob"),
		}},
		"locked": {options: testenv.SlapdOptions{ServiceWrites: writes}, script: []play{
			wrong, wrong, wrong, look("alice"), bind("alice", testenv.FirstPassword), settle("alice", second), reset("alice", second), look("alice"), bind("alice", second),
			wrong, wrong, wrong, unlock("alice"), unlock("alice"), bind("alice", second), unlock("adminlocked"), unlock("unknown"),
		}},
		"no right to unlock":    {script: []play{wrong, wrong, wrong, unlock("alice"), look("alice")}},
		"locked and no unlock":  {change: func(c *directory.Config) { c.Unlock = false }, script: []play{wrong, wrong, wrong, look("alice"), reset("alice", second)}},
		"must change":           {options: testenv.SlapdOptions{ServiceWrites: writes, DefaultPolicy: "pwdMustChange: TRUE\n"}, change: func(c *directory.Config) { c.MustChange = true }, script: []play{check(), reset("alice", second), look("alice"), bind("alice", second), reset("alice", third)}},
		"must change, no right": {options: testenv.SlapdOptions{DefaultPolicy: "pwdMustChange: TRUE\n"}, change: func(c *directory.Config) { c.MustChange = true }, script: []play{reset("alice", second), bind("alice", second)}},
		"safe modify":           {options: testenv.SlapdOptions{DefaultPolicy: "pwdSafeModify: TRUE\n"}, script: []play{check(), look("alice"), reset("alice", second)}},
		"young": {options: testenv.SlapdOptions{ServiceWrites: writes}, change: func(c *directory.Config) { c.WriteStrategy = string(directory.FlagFirst) }, script: []play{
			look("young"), reset("young", "short-1"), reset("young", testenv.FirstPassword), reset("young", second), bind("young", second), reset("young", third), look("young"),
		}},
		"young, no right": {change: func(c *directory.Config) { c.WriteStrategy = string(directory.FlagFirst) }, script: []play{reset("young", second)}},
		"no policies":     {change: func(c *directory.Config) { c.DefaultPolicyDN = "" }, script: []play{check(), look("alice"), look("young")}},
		"wrong names":     {change: func(c *directory.Config) { c.BaseDN = "ou=nowhere," + testenv.BaseDN }, script: []play{check(), look("alice")}},
		"wrong password":  {change: func(c *directory.Config) { c.BindPassword = setting.NewSecret("wrong") }, script: []play{check(), look("alice")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, both := beside(t, test.options)
			ours, theirs := both[0].open(t, test.change), both[1].open(t, test.change)
			for _, p := range test.script {
				got, want := p.do(t, both[0], ours), p.do(t, both[1], theirs)
				t.Logf("%s\n%s", p.name, want)
				if got != want {
					t.Errorf("%s\n--- memory:\n%s\n--- slapd:\n%s", p.name, got, want)
				}
			}
		})
	}
}

// TestLatchkeyOverStartTLS is the other way to encrypt.
func TestLatchkeyOverStartTLS(t *testing.T) {
	t.Parallel()
	config := configuration()
	config.RequireTLS = true
	s := start(t, config, testenv.SlapdOptions{})
	d := judge{"memory", s.url, s.ldapsURL, s.caFile}.open(t, func(c *directory.Config) { c.Servers = []string{s.url} })
	p, err := d.Find(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetPassword(t.Context(), p, second); err != nil {
		t.Fatal(err)
	}
	if !s.Holds(p.DN, second) || s.Holds(p.DN, testenv.FirstPassword) {
		t.Error("the password is not the new one")
	}
}

// TestLatchkeyAsAnyServer has it taken for a server with RFC 3062 and no more.
func TestLatchkeyAsAnyServer(t *testing.T) {
	t.Parallel()
	s := start(t, configuration(), testenv.SlapdOptions{})
	d := judge{"memory", s.url, s.ldapsURL, s.caFile}.open(t, func(c *directory.Config) { c.Flavor = "rfc3062" })
	ctx := t.Context()
	if err := d.Check(ctx); err != nil {
		t.Error(err)
	}
	p, err := d.Find(ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if policy, err := d.Policy(ctx, p); err != nil || policy.MinLength != 10 {
		t.Errorf("policy: %+v, %v", policy, err)
	}
	if err := d.SetPassword(ctx, p, "short-1"); told(err) == "done" || s.Holds(p.DN, "short-1") {
		t.Errorf("a short one: %v", err)
	}
	if err := d.SetPassword(ctx, p, second); err != nil {
		t.Error(err)
	}
	if !s.Holds(p.DN, second) || s.Holds(p.DN, testenv.FirstPassword) {
		t.Error("the password is not the new one")
	}
	if p, err = d.Find(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := d.Change(ctx, p, second, third); err != nil || !s.Holds(p.DN, third) {
		t.Errorf("change: %v", err)
	}
}
