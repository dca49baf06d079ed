package memory_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/ldapserver"
	"latchkey/internal/ldapserver/memory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// direct calls the operations without a network, so that time may be a test's.
type direct struct {
	t *testing.T
	*memory.Directory
}

func newDirect(t *testing.T, config memory.Config, options testenv.SlapdOptions) direct {
	t.Helper()
	d, err := memory.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(testenv.PeopleLDIF(options)); err != nil {
		t.Fatal(err)
	}
	return direct{t, d}
}

// open returns a connection that is bound, and how the bind ended.
func (d direct) open(dn, password string) (ldapserver.Operations, ldapserver.Result) {
	o := d.Open(context.Background(), &ldapserver.Peer{})
	return o, o.Bind.Bind(context.Background(), &ldapserver.BindRequest{
		Name: dn, Password: setting.NewSecret(password), Controls: ldapserver.Controls{{OID: ldapserver.OIDPolicy}},
	})
}

func (d direct) wantBind(uid, password string, code ldapserver.Code) ldapserver.Result {
	d.t.Helper()
	_, result := d.open(testenv.PersonDN(uid), password)
	if result.Code != code {
		d.t.Errorf("%s: code %d, want %d", uid, result.Code, code)
	}
	return result
}

// set sets a password as somebody.
func set(o ldapserver.Operations, uid, password string) (string, ldapserver.Result) {
	value := "\x80" + string(rune(len(testenv.PersonDN(uid)))) + testenv.PersonDN(uid)
	if password != "" {
		value += "\x82" + string(rune(len(password))) + password
	}
	result := o.Extended[ldapserver.OIDPasswordModify].Extend(context.Background(), &ldapserver.ExtendedRequest{
		Name: ldapserver.OIDPasswordModify, Value: "\x30" + string(rune(len(value))) + value, HasValue: true,
	})
	return result.Value, result.Result
}

func (d direct) service() ldapserver.Operations {
	d.t.Helper()
	o, result := d.open(testenv.ServiceDN, testenv.ServicePassword)
	if result.Code != ldapserver.Success {
		d.t.Fatalf("bind of the service account: %+v", result)
	}
	return o
}

func TestALockRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, configuration(), testenv.SlapdOptions{})
		for range 3 {
			d.wantBind("alice", "wrong", ldapserver.InvalidCredentials)
		}
		time.Sleep(10*time.Minute - 2*time.Second)
		d.wantBind("alice", testenv.FirstPassword, ldapserver.InvalidCredentials)
		d.wantBind("adminlocked", testenv.FirstPassword, ldapserver.InvalidCredentials)
		time.Sleep(3 * time.Second)
		d.wantBind("alice", testenv.FirstPassword, ldapserver.Success)
		if values := append(d.Values(testenv.PersonDN("alice"), "pwdFailureTime"), d.Values(testenv.PersonDN("alice"), "pwdAccountLockedTime")...); len(values) > 0 {
			t.Errorf("after a good bind there are %q", values)
		}
		time.Sleep(1000 * time.Hour)
		d.wantBind("adminlocked", testenv.FirstPassword, ldapserver.InvalidCredentials)
	})
}

func TestFailuresAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, configuration(), testenv.SlapdOptions{DefaultPolicy: "pwdFailureCountInterval: 60\n"})
		for range 10 {
			d.wantBind("alice", "wrong", ldapserver.InvalidCredentials)
			time.Sleep(31 * time.Second)
		}
		d.wantBind("alice", testenv.FirstPassword, ldapserver.Success)
	})
}

func TestAPasswordExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, configuration(), testenv.SlapdOptions{DefaultPolicy: "pwdMaxAge: 172800\npwdExpireWarning: 3600\n"})
		// Everyone's password is a day old.
		if result := d.wantBind("alice", testenv.FirstPassword, ldapserver.Success); result.Controls[0].Value != "\x30\x00" {
			t.Errorf("a warning %x", result.Controls[0].Value)
		}
		time.Sleep(23*time.Hour + 30*time.Minute)
		if result := d.wantBind("alice", testenv.FirstPassword, ldapserver.Success); result.Controls[0].Value != "\x30\x06\xa0\x04\x80\x02\x07\x08" {
			t.Errorf("the warning is %x, want 1800 seconds", result.Controls[0].Value)
		}
		time.Sleep(time.Hour)
		if result := d.wantBind("alice", testenv.FirstPassword, ldapserver.InvalidCredentials); result.Controls[0].Value != "\x30\x03\x81\x01\x00" {
			t.Errorf("expired: %x", result.Controls[0].Value)
		}
		if _, result := set(d.service(), "alice", second); result.Code != ldapserver.Success {
			t.Errorf("set: %+v", result)
		}
		d.wantBind("alice", second, ldapserver.Success)
	})
}

func TestAMinimumAgePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, configuration(), testenv.SlapdOptions{})
		if _, result := set(d.service(), "young", second); result.Text != "Password is too young to change" {
			t.Errorf("%+v", result)
		}
		time.Sleep(24*time.Hour + time.Second)
		if _, result := set(d.service(), "young", second); result.Code != ldapserver.Success {
			t.Errorf("%+v", result)
		}
	})
}

// TestParallelGuessesAreAllCounted: no more than the policy allows are compared.
func TestParallelGuessesAreAllCounted(t *testing.T) {
	t.Parallel()
	d := newDirect(t, configuration(), testenv.SlapdOptions{})
	var refused, locked atomic.Int32
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			_, result := d.open(testenv.PersonDN("alice"), "wrong")
			if result.Code == ldapserver.InvalidCredentials {
				refused.Add(1)
			}
			if strings.HasSuffix(result.Controls[0].Value, "\x81\x01\x01") {
				locked.Add(1)
			}
		})
	}
	all.Wait()
	if refused.Load() != 40 || locked.Load() != 37 {
		t.Errorf("of 40 guesses %d were refused, %d because of the lock; want 40 and 37", refused.Load(), locked.Load())
	}
}

// TestParallelChanges writes one entry from many sides while others read.
func TestParallelChanges(t *testing.T) {
	t.Parallel()
	config := configuration()
	config.ServiceWrites = []string{"description"}
	d := newDirect(t, config, testenv.SlapdOptions{DefaultPolicy: "pwdAllowUserChange: TRUE\n"})
	dn := testenv.PersonDN("alice")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			o := d.service()
			result := o.Modify.Modify(context.Background(), &ldapserver.ModifyRequest{DN: dn, Changes: []ldapserver.Change{
				{Operation: ldapserver.ChangeAdd, Attribute: ldapserver.Attribute{Name: "description", Values: []string{string(rune('a' + i))}}},
			}})
			if result.Code != ldapserver.Success {
				t.Errorf("%+v", result)
			}
			result = o.Search.Search(context.Background(), &ldapserver.SearchRequest{Base: testenv.BaseDN, Scope: ldapserver.ScopeSubtree, Filter: ldapserver.Filter{Kind: ldapserver.FilterPresent, Attribute: "objectClass"}},
				func(ldapserver.Entry) error { return nil })
			if result.Code != ldapserver.Success {
				t.Errorf("%+v", result)
			}
		})
	}
	all.Wait()
	if values := d.Values(dn, "description"); len(values) != 20 {
		t.Errorf("%d of 20 values are there", len(values))
	}
}

func TestAPasswordOfTheServersMaking(t *testing.T) {
	t.Parallel()
	config := configuration()
	var dn, told string
	config.OnPassword = func(name string, password setting.Secret) { dn, told = name, password.Reveal() }
	d := newDirect(t, config, testenv.SlapdOptions{DefaultPolicy: "pwdMaxLength: 12\n"})
	value, result := set(d.service(), "alice", "")
	if result.Code != ldapserver.Success || len(value) != 16 || value[:4] != "\x30\x0e\x80\x0c" {
		t.Fatalf("%x, %+v", value, result)
	}
	d.wantBind("alice", value[4:], ldapserver.Success)
	if dn != testenv.PersonDN("alice") || told != value[4:] {
		t.Error("who wants to know of new passwords is told something else")
	}
}

func TestPasswordsAreKeptAsHashes(t *testing.T) {
	t.Parallel()
	d := newDirect(t, configuration(), testenv.SlapdOptions{})
	const ssha = "{SSHA}uQPqUmmNNRP9FkmFBTF7GI7Bd+5zYWx0c2FsdA==" // of another password
	if err := d.Add(testenv.PersonDN("imported"), map[string][]string{"userPassword": {sshaOf(testenv.FirstPassword)}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Add(testenv.PersonDN("broken"), map[string][]string{"userPassword": {ssha, "{SSHA}", "{PBKDF2-SHA256}1$a", "{CRYPT}x", "{PBKDF2-SHA256}999999999999$YQ$YQ"}}); err != nil {
		t.Fatal(err)
	}
	d.wantBind("imported", testenv.FirstPassword, ldapserver.Success)
	d.wantBind("broken", testenv.FirstPassword, ldapserver.InvalidCredentials)
	for _, uid := range []string{"alice", "bob"} {
		values := d.Values(testenv.PersonDN(uid), "userPassword")
		if len(values) != 1 || !strings.HasPrefix(values[0], "{PBKDF2-SHA256}100$") || strings.Contains(values[0], testenv.FirstPassword) {
			t.Errorf("%s: %q", uid, values)
		}
	}
	if d.Values(testenv.PersonDN("alice"), "userPassword")[0] == d.Values(testenv.PersonDN("bob"), "userPassword")[0] {
		t.Error("two hashes of one password are the same")
	}
}

func TestWhoFailsToBindIsNobody(t *testing.T) {
	t.Parallel()
	d := newDirect(t, configuration(), testenv.SlapdOptions{})
	o := d.service()
	o.Bind.Bind(context.Background(), &ldapserver.BindRequest{Name: testenv.ServiceDN, Password: setting.NewSecret("wrong")})
	if _, result := set(o, "alice", second); result.Code != ldapserver.StrongerAuthRequired {
		t.Errorf("%+v", result)
	}
	d.wantBind("alice", testenv.FirstPassword, ldapserver.Success)
}

// TestWhoMustChangeIsFreeAfterwards, on the same connection.
func TestWhoMustChangeIsFreeAfterwards(t *testing.T) {
	t.Parallel()
	config := configuration()
	config.ServiceDN = testenv.PersonDN("flagged")
	d := newDirect(t, config, testenv.SlapdOptions{
		DefaultPolicy: "pwdMustChange: TRUE\n", LDIF: testenv.PersonLDIF("flagged", "pwdReset: TRUE"),
	})
	o, _ := d.open(testenv.PersonDN("flagged"), testenv.FirstPassword)
	look := func() ldapserver.Code {
		r := &ldapserver.SearchRequest{Base: testenv.BaseDN, Filter: ldapserver.Filter{Kind: ldapserver.FilterPresent, Attribute: "objectClass"}}
		return o.Search.Search(context.Background(), r, func(ldapserver.Entry) error { return nil }).Code
	}
	before := look()
	if _, result := set(o, "alice", second); result.Code != ldapserver.InsufficientAccessRights {
		t.Errorf("another's password before one's own: %+v", result)
	}
	_, result := set(o, "flagged", second)
	if after := look(); before != ldapserver.InsufficientAccessRights || result.Code != ldapserver.Success || after != ldapserver.Success {
		t.Errorf("before: %d, the change: %+v, after: %d", before, result, after)
	}
}

func TestRequireTLS(t *testing.T) {
	t.Parallel()
	config := configuration()
	config.RequireTLS = true
	d := newDirect(t, config, testenv.SlapdOptions{})
	if result := d.wantBind("alice", testenv.FirstPassword, ldapserver.ConfidentialityRequired); result.Text != "confidentiality required" {
		t.Errorf("%+v", result)
	}
	o := d.Open(context.Background(), &ldapserver.Peer{})
	if _, result := set(o, "alice", second); result.Code != ldapserver.ConfidentialityRequired {
		t.Errorf("%+v", result)
	}
}

func TestWhatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	d := newDirect(t, configuration(), testenv.SlapdOptions{})
	for text, want := range map[string]error{
		"dn: dc=elsewhere\ndc: elsewhere\n":                     memory.ErrName,
		"dn: nonsense\ncn: x\n":                                 memory.ErrName,
		"dn: " + testenv.PersonDN("alice") + "\nuid: alice\n":   memory.ErrExists,
		"dn: uid=x,ou=nowhere," + testenv.BaseDN + "\nuid: x\n": memory.ErrNoParent,
		"uid: x\n": memory.ErrLDIF,
		"dn: " + testenv.PersonDN("x") + "\njpegPhoto:< file:///etc/passwd\n": memory.ErrLDIF,
		"dn: " + testenv.PersonDN("x") + "\nchangetype: delete\n":             memory.ErrLDIF,
		"dn: " + testenv.PersonDN("x") + "\ncn:: ***\n":                       memory.ErrLDIF,
		"dn: " + testenv.PersonDN("x") + "\nno colon\n":                       memory.ErrLDIF,
	} {
		if err := d.Load(text); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	if _, err := memory.New(memory.Config{}); !errors.Is(err, memory.ErrName) {
		t.Errorf("no suffix: %v", err)
	}
}

// sshaOf is how other directories export a password.
func sshaOf(password string) string {
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(sha1Of(password+"salt"), "salt"...))
}
