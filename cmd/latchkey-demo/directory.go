package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"latchkey/internal/ldapserver"
	"latchkey/internal/ldapserver/memory"
	"latchkey/internal/setting"
)

// embedded is the directory while it runs.
type embedded struct {
	address string
	// authority is that of its certificate, in PEM form.
	authority string
	// password is that of the service account.
	password string
	prover   *prover
}

// openDirectory starts the embedded directory, and who looks after each new
// password in it.
func (d *demo) openDirectory(ctx context.Context) (*embedded, error) {
	certificate, authority, err := newCertificate()
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	p := newProver(d.inbox, d.out)
	p.trust = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
	password := rand.Text()
	content, err := memory.New(memory.Config{
		Suffix: baseDN, ServiceDN: serviceDN, DefaultPolicyDN: defaultPolicy, RequireTLS: true,
		ServiceWrites: []string{"pwdAccountLockedTime"}, // to unlock and keep the password
		OnPassword:    func(dn string, password setting.Secret) { p.changed(dn, password.Reveal()) },
	})
	if err != nil {
		return nil, err
	}
	if err := content.Load(ldif(password, time.Now())); err != nil {
		return nil, err
	}
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.address = l.Addr().String()
	server := ldapserver.New(ldapserver.Config{
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}, content, slog.New(slog.DiscardHandler))
	d.running.Go(func() { _ = server.ServeTLS(ctx, l) })
	d.running.Go(func() { p.run(ctx) })
	return &embedded{address: p.address, authority: string(authority), password: password, prover: p}, nil
}

// ldif is what the directory holds at first (RFC 2849).
func ldif(servicePassword string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n", baseDN)
	for _, unit := range []string{"people", "groups", "services", "policies"} {
		fmt.Fprintf(&b, "\ndn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %[1]s\n", unit, baseDN)
	}
	const rules = "pwdMinLength: 10\npwdInHistory: 3\npwdCheckQuality: 2\npwdLockout: TRUE\npwdMaxFailure: 5\npwdLockoutDuration: 3600\npwdMustChange: TRUE\n"
	for dn, lines := range map[string]string{
		defaultPolicy: rules,
		youngPolicy:   rules + "pwdMinAge: 86400\n",
		servicePolicy: "pwdLockout: FALSE\npwdMaxAge: 0\n",
	} {
		fmt.Fprintf(&b, "\ndn: %s\nobjectClass: device\nobjectClass: pwdPolicy\npwdAttribute: userPassword\n%s", dn, lines)
	}
	fmt.Fprintf(&b, "\ndn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\nuserPassword: %s\npwdPolicySubentry: %s\n", serviceDN, servicePassword, servicePolicy)
	for _, p := range people() {
		if !p.exists() {
			continue
		}
		fmt.Fprintf(&b, "\ndn: %s\nobjectClass: inetOrgPerson\ncn: %s Example\nsn: Example\nmail: %[2]s@example.test\nuserPassword: %s\n%s",
			p.dn(), p.login, firstPassword, p.attributes(now))
		if p.group != "" {
			fmt.Fprintf(&b, "\ndn: %s\nobjectClass: groupOfNames\nmember: %s\n", p.group, p.dn())
		}
	}
	return b.String()
}

// attributes are the operational ones that make somebody special.
func (p person) attributes(now time.Time) string {
	stamp := func(t time.Time) string { return t.UTC().Format("20060102150405Z") }
	changed := "pwdChangedTime: " + stamp(now.Add(-48*time.Hour)) + "\n"
	switch p.login {
	case "locked":
		return changed + "pwdAccountLockedTime: " + stamp(now) + "\n"
	case "mustchange":
		return changed + "pwdReset: TRUE\n"
	case "young":
		return "pwdChangedTime: " + stamp(now) + "\npwdPolicySubentry: " + youngPolicy + "\n"
	case "disabled":
		return changed + "loginDisabled: TRUE\n"
	default:
		return changed
	}
}
