package blackbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/testenv"
)

// refused runs serve with additions to the environment, expects that it ends by
// itself before it serves anybody, and returns what it said.
func (s *stack) refused(environment ...string) string {
	s.t.Helper()
	if err := s.stop(); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, s.program, "--config", "latchkey.toml", "serve")
	command.Dir, command.Env = s.dir, append(os.Environ(), environment...)
	out, err := command.CombinedOutput()
	if ctx.Err() != nil {
		s.t.Fatalf("%q: serve goes on:\n%s", environment, out)
	}
	if err == nil {
		s.t.Errorf("%q: serve ended as if all were well:\n%s", environment, out)
	}
	if strings.Contains(string(out), `"msg":"serving"`) {
		s.t.Errorf("%q: serve began:\n%s", environment, out)
	}
	return string(out)
}

// shown are certificates as somebody in the middle shows them.
func shown(t *testing.T, certificates *testenv.Certificates, err error, newest uint16) *tls.Config {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certificates.CertFile, certificates.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: newest}
}

// TestS27_TheManInTheMiddle sees what is under TLS while they have the
// directory's own key. From the moment on when they do anything else to TLS,
// neither the name nor the password of the service account nor a new password
// goes over the wire: the person is told to come back.
func TestS27_TheManInTheMiddle(t *testing.T) {
	s := start(t, options{limits: roomy()})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	expired, err := testenv.NewExpiredCertificates(t.TempDir())
	expiredTLS := shown(t, expired, err, tls.VersionTLS13)
	other, err := testenv.NewCertificatesFor(t.TempDir(), "other.example.test")
	otherTLS := shown(t, other, err, tls.VersionTLS13)
	own, err := testenv.NewCertificates(t.TempDir())
	ownTLS := shown(t, own, err, tls.VersionTLS13)
	honest := testenv.Interception{TLS: shown(t, s.slapd.Certificates, nil, tls.VersionTLS12)}
	between := testenv.NewInterceptor(t, s.slapd.URL, honest)
	s.file("ca.pem", contents(t, s.slapd.CAFile)+contents(t, expired.CAFile)+contents(t, other.CAFile))
	for n, server := range []string{between.URL, "ldaps://" + between.Addr} {
		between.Become(honest)
		s.env = []string{"LATCHKEY_DIRECTORY__0__SERVERS=" + server, "LATCHKEY_DIRECTORY__0__CA_FILE=ca.pem"}
		s.serve()
		c := s.caller().verified("alice")
		for name, how := range map[string]testenv.Interception{
			"StartTLS stripped": {TLS: honest.TLS, StartTLS: testenv.RefuseStartTLS},
			"StartTLS feigned":  {TLS: honest.TLS, StartTLS: testenv.FeignStartTLS},
			"expired":           {TLS: expiredTLS}, "another name": {TLS: otherTLS}, "self-signed": {TLS: ownTLS},
			"TLS 1.0": {TLS: shown(t, s.slapd.Certificates, nil, tls.VersionTLS10)},
			"TLS 1.1": {TLS: shown(t, s.slapd.Certificates, nil, tls.VersionTLS11)},
		} {
			if how.StartTLS != testenv.GrantStartTLS && server != between.URL {
				continue
			}
			between.Become(how)
			before, seen := between.Connections(), len(between.Received())
			if r := c.set(newPassword); r.status != http.StatusServiceUnavailable {
				t.Errorf("%s at %s: status %d: %s", name, server, r.status, r.body)
			}
			if between.Connections() == before {
				t.Errorf("%s at %s: nobody came by, so nothing was tried", name, server)
			}
			wantNoCredentials(t, name, s, between.Received()[seen:])
		}
		s.signsIn("alice", testenv.FirstPassword, newPassword)
		between.Become(honest)
		seen := len(between.Received())
		password := fmt.Sprint(newPassword, n)
		c.want(http.StatusOK, c.set(password))
		if received := between.Received()[seen:]; !bytes.Contains(received, []byte(s.slapd.ServiceDN)) || !bytes.Contains(received, []byte(password)) {
			t.Errorf("%s: what is under TLS is not seen", server)
		}
		if err := s.slapd.Modify(t.Context(), "dn: "+testenv.PersonDN("alice")+"\nchangetype: modify\nreplace: userPassword\nuserPassword: "+testenv.FirstPassword+"\n"); err != nil {
			t.Fatal(err)
		}
		between.Become(testenv.Interception{TLS: ownTLS})
		if said := s.refused(s.env...); !strings.Contains(said, "not trusted") {
			t.Errorf("%s: at a start it says:\n%s", server, said)
		}
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantNoCredentials looks for what a bind or a new password would show.
func wantNoCredentials(t *testing.T, name string, s *stack, received []byte) {
	t.Helper()
	for what, secret := range map[string]string{
		"the bind DN": s.slapd.ServiceDN, "a part of it": "cn=latchkey", "the bind password": s.slapd.ServicePassword, "the new password": newPassword,
	} {
		if bytes.Contains(received, []byte(secret)) {
			t.Errorf("%s: %s went over the wire", name, what)
		}
	}
}

// TestS27_RedisAndMail: who is between Latchkey and Redis, or its mail server,
// sees no password either where the certificate is not theirs.
func TestS27_RedisAndMail(t *testing.T) {
	s := start(t, options{limits: roomy()})
	s.mail.Behave(testenv.MailBehavior{StripStartTLS: true})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	s.log.await(t, "STARTTLS", 1)
	if s.mail.Logins() != 0 || s.mailTo("alice") != 0 {
		t.Errorf("%d logins and %d mails without TLS", s.mail.Logins(), s.mailTo("alice"))
	}
	own, err := testenv.NewCertificates(t.TempDir())
	between := testenv.NewInterceptor(t, s.redis.Addr, testenv.Interception{TLS: shown(t, own, err, tls.VersionTLS13)})
	said := s.refused("LATCHKEY_REDIS__ADDRESSES="+between.Addr, "LATCHKEY_REDIS__TLS=true", "LATCHKEY_REDIS__CA_FILE="+s.slapd.CAFile)
	if between.Connections() == 0 || bytes.Contains(between.Received(), []byte(s.redis.Password)) {
		t.Errorf("%d connections; the password of Redis went over the wire, or nothing did:\n%s", between.Connections(), said)
	}
	if !strings.Contains(said, "certificate") {
		t.Errorf("it says:\n%s", said)
	}
}

// TestS29_ReferralsAreNotFollowed: the directory refers searches and the write
// to somebody else, who sees no connection. The person is told to come back.
func TestS29_ReferralsAreNotFollowed(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true})
	var visits atomic.Int32
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { elsewhere.Close() })
	go func() {
		for {
			c, err := elsewhere.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			c.Close()
		}
	}()
	url := fmt.Sprintf("ldap://%s/%s", elsewhere.Addr(), testenv.BaseDN)
	entry := fmt.Sprintf("dn: ou=elsewhere,ou=people,%s\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\nref: %s\n", testenv.BaseDN, url)
	if err := s.slapd.Modify(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	c := s.caller().verified("alice")
	var referred atomic.Int32
	s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op != extendedRequest || !bytes.Contains(m.Bytes, []byte(passwordModify)) || referred.Add(1) > 1 {
			return testenv.LDAPAction{}
		}
		const referral = 10
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "referral")
		list.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, url, "URI"))
		return testenv.LDAPAction{Answer: m.Result(extendedResponse, referral, "", list)}
	})
	c.want(http.StatusServiceUnavailable, c.set(newPassword))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	if visits.Load() != 0 || referred.Load() != 2 {
		t.Errorf("%d visits elsewhere after %d writes", visits.Load(), referred.Load())
	}
}
