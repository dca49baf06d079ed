package directory_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

const rotated = "rotated-service-password"

// replaceFile puts another content in the place of a file, in one step.
func replaceFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// rotatable is a directory whose password lies in two files.
func rotatable(t *testing.T, s *testenv.Slapd) (c directory.Config, file, oldFile string) {
	t.Helper()
	dir := t.TempDir()
	file, oldFile = filepath.Join(dir, "bind_password"), filepath.Join(dir, "bind_password_old")
	c = configFor(s)
	c.BindPasswordFile, c.BindPasswordOldFile, c.BindPasswordOld = file, oldFile, c.BindPassword
	for _, path := range []string{file, oldFile} {
		replaceFile(t, path, s.ServicePassword+"\n", 0o600)
	}
	return c, file, oldFile
}

// changeServicePassword is what the administrator of the directory does.
func changeServicePassword(t *testing.T, s *testenv.Slapd, password string) {
	t.Helper()
	if err := s.Modify(t.Context(), fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: userPassword\nuserPassword: %s\n", s.ServiceDN, password)); err != nil {
		t.Fatal(err)
	}
}

// wantRefusals counts the binds that slapd refused. It writes the line after
// the answer, so the last one may be late.
func wantRefusals(t *testing.T, s *testenv.Slapd, step string, want int) {
	t.Helper()
	count := func() int { return strings.Count(slapdLog(t, s), "RESULT tag=97 err=49") }
	eventually(t, step+": the binds are refused", func() bool { return count() >= want })
	if n := count(); n != want {
		t.Errorf("%s: slapd refused %d binds, want %d", step, n, want)
	}
}

// TestF11_ServicePasswordRotated looks with new connections only, at each step
// of a rotation.
func TestF11_ServicePasswordRotated(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c, file, _ := rotatable(t, s)
	d := open(t, c)
	works := func(step string, refusals int) {
		t.Helper()
		for range 5 {
			if err := d.Check(t.Context()); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
		}
		wantRefusals(t, s, step, refusals)
	}
	works("before", 0)
	replaceFile(t, file, rotated+"\n", 0o600)
	works("the file is new, the directory is not", 1)
	changeServicePassword(t, s, rotated)
	works("both are new", 2)
	// What cannot be a password changes nothing.
	for content, mode := range map[string]os.FileMode{" \n": 0o600, "open-to-all": 0o604} {
		replaceFile(t, file, content, mode)
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		works("a bad file", 2)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	works("no file", 2)
}

// TestF11_DirectoryFirst: the directory has a new password that we are not told
// at first.
func TestF11_DirectoryFirst(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c, file, _ := rotatable(t, s)
	d := open(t, c)
	changeServicePassword(t, s, rotated)
	for range 5 {
		if err := d.Check(t.Context()); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "bind_password_file") {
			t.Errorf("got %v", err)
		}
	}
	// Both files hold the same password.
	wantRefusals(t, s, "the directory is new", 1)
	replaceFile(t, file, rotated, 0o600)
	if err := d.Check(t.Context()); err != nil {
		t.Error(err)
	}
	find(t, d, "alice")
}

// TestF11_NoStorm: two wrong passwords, each tried once.
func TestF11_NoStorm(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.BindPassword, c.BindPasswordOld = setting.NewSecret("wrong"), setting.NewSecret("wrong too")
	d := open(t, c)
	for range 5 {
		if err := d.Check(t.Context()); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	wantRefusals(t, s, "both are wrong", 2)
}

// TestF10_AuthoritiesReplaced has a server with a certificate of another
// authority, which then comes into ca_file.
func TestF10_AuthoritiesReplaced(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	others, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	proxy := testenv.NewLDAPProxy(t, s, others)
	c := configFor(s)
	c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	copyFile(t, s.CAFile, c.CAFile)
	c.Servers = []string{proxy.LDAPSURL}
	d := open(t, c)
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("got %v", err)
	}
	copyFile(t, others.CAFile, c.CAFile)
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("with the new authority: %v", err)
	}
	replaceFile(t, c.CAFile, "no certificate", 0o600)
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("with a broken ca_file the one from before holds: %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	replaceFile(t, to, string(text), 0o600)
}

// TestF10_ExpiryIsSaidOnce: the test's certificates are valid for a day.
func TestF10_ExpiryIsSaidOnce(t *testing.T) {
	t.Parallel()
	before := time.Now()
	s := testenv.NewSlapd(t)
	l := &logs{}
	d, err := directory.Open(configFor(s), l.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	for range 3 {
		if err := d.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tells := func(day time.Time) bool {
		return strings.Contains(l.String(), day.UTC().Add(24*time.Hour).Format(time.DateOnly))
	}
	if n := strings.Count(l.String(), "expires soon"); n != 1 || !tells(before) && !tells(time.Now()) {
		t.Errorf("said %d times:\n%s", n, l)
	}
}
