package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Apache is a web server that lets people in whom an LDAP directory lets in, as
// software in use does (mod_authnz_ldap): it finds the entry with an account of
// its own, and then binds as it.
type Apache struct {
	// URL is the page behind the sign-in.
	URL string

	process *process
}

// ApacheOptions say which directory is asked.
type ApacheOptions struct {
	// LDAPSURL and CAFile are the directory's.
	LDAPSURL, CAFile string
	// BaseDN is where people are found by Attribute, as BindDN.
	BaseDN, Attribute, BindDN, BindPassword string
}

// StartApache starts the web server for a test and stops it with the test.
func StartApache(tb TB, o ApacheOptions) *Apache {
	tb.Helper()
	Need(tb, "apache2")
	dir := throwAway(tb, "apache")
	port, err := FreePort()
	if err != nil {
		tb.Fatalf("start Apache: %v", err)
	}
	// The server has a user of its own, who sees nothing of the test's folders.
	authority, err := os.ReadFile(o.CAFile)
	if err != nil {
		tb.Fatalf("start Apache: %v", err)
	}
	files := map[string]string{"httpd.conf": o.config(dir, port), "www/index.html": "in\n", "ca.pem": string(authority)}
	if err := os.Mkdir(filepath.Join(dir, "www"), 0o755); err != nil {
		tb.Fatalf("start Apache: %v", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatalf("start Apache: %v", err)
		}
	}
	p, err := spawn(dir, "apache2", "-f", filepath.Join(dir, "httpd.conf"), "-DFOREGROUND")
	if err != nil {
		tb.Fatalf("start Apache: %v", err)
	}
	a := &Apache{URL: fmt.Sprintf("http://127.0.0.1:%d/", port), process: p}
	tb.Cleanup(func() {
		a.process.stop()
		logWhenFailed(tb, filepath.Join(dir, "apache2.out"))
	})
	err = p.await(context.Background(), func(ctx context.Context) error {
		if err := a.SignIn(ctx, "nobody", "nothing"); !errors.Is(err, ErrInvalidCredentials) {
			return fmt.Errorf("a stranger is answered: %w", err)
		}
		return nil
	})
	if err != nil {
		tb.Fatalf("start Apache: %v", err)
	}
	return a
}

// SignIn asks for the page; the error wraps [ErrInvalidCredentials] where the
// server does not let the person in.
func (a *Apache) SignIn(ctx context.Context, login, password string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(login, password)
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w by the web server", ErrInvalidCredentials)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("the web server answers %s: %s", answer.Status, text)
	}
	return nil
}

// config keeps no answer of the directory: the next sign-in asks again.
func (o ApacheOptions) config(dir string, port int) string {
	var b strings.Builder
	for _, module := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "ldap", "authnz_ldap", "dir"} {
		fmt.Fprintf(&b, "LoadModule %s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", module)
	}
	fmt.Fprintf(&b, `
ServerRoot %s
ServerName 127.0.0.1
Listen 127.0.0.1:%d
PidFile %[1]s/pid
ErrorLog /dev/stderr
DocumentRoot %[1]s/www
DirectoryIndex index.html
LDAPSharedCacheSize 0
LDAPCacheEntries 0
LDAPOpCacheEntries 0
LDAPTrustedGlobalCert CA_BASE64 %[1]s/ca.pem
<Location "/">
AuthType Basic
AuthName "the directory"
AuthBasicProvider ldap
AuthLDAPURL "%[3]s/%[4]s?%[5]s?sub"
AuthLDAPBindDN "%[6]s"
AuthLDAPBindPassword "%[7]s"
Require valid-user
</Location>
`, dir, port, o.LDAPSURL, o.BaseDN, o.Attribute, o.BindDN, o.BindPassword)
	if os.Geteuid() == 0 {
		b.WriteString("User www-data\nGroup www-data\n")
	}
	return b.String()
}
