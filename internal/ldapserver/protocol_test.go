package ldapserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/ldapserver"
	"latchkey/internal/testenv"
)

func none(context.Context, *ldapserver.SearchRequest, func(ldapserver.Entry) error) ldapserver.Result {
	return ldapserver.Result{}
}

// TestAnswersOfTheServerItself are those before any handler is asked.
func TestAnswersOfTheServerItself(t *testing.T) {
	sasl := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	sasl.AppendChild(text("EXTERNAL"))
	for name, test := range map[string]struct {
		raw  []byte
		code ldapserver.Code
	}{
		"SASL":                     {request(1, ldapserver.KindBind, integer(3), text(""), sasl), ldapserver.AuthMethodNotSupported},
		"LDAP 2":                   {request(1, ldapserver.KindBind, integer(2), text(""), context0("")), ldapserver.ProtocolError},
		"half a bind":              {request(1, ldapserver.KindBind, integer(3)), ldapserver.ProtocolError},
		"half a search":            {request(1, ldapserver.KindSearch, text("")), ldapserver.ProtocolError},
		"a compare":                {request(1, ldapserver.KindCompare), ldapserver.UnwillingToPerform},
		"an unknown extension":     {extended(1, "1.2.3.4"), ldapserver.ProtocolError},
		"StartTLS without TLS":     {extended(1, ldapserver.OIDStartTLS), ldapserver.ProtocolError},
		"an unknown control":       {withControls(1, ldapserver.KindSearch, control("1.2.3.4", false), searchParts("", 0, 0)...), ldapserver.Success},
		"critical and unknown":     {withControls(1, ldapserver.KindSearch, control("1.2.3.4", true), searchParts("", 0, 0)...), ldapserver.UnavailableCriticalExtension},
		"critical and known":       {withControls(1, ldapserver.KindSearch, control("1.2.3", true), searchParts("", 0, 0)...), ldapserver.Success},
		"critical, known for less": {withControls(1, ldapserver.KindBind, control("1.2.3", true), integer(3), text(""), context0("")), ldapserver.UnavailableCriticalExtension},
	} {
		inBubble(t, ldapserver.Config{}, office{search: none, bind: welcome}, func(t *testing.T, b *bench) {
			w := b.dial()
			w.send(test.raw)
			if a, ok := w.read(); !ok || a.id != 1 || a.code != int(test.code) {
				t.Errorf("%s: %+v, want code %d", name, a, test.code)
			}
			// The connection goes on.
			w.send(search(2, 0, 0))
			w.want(2, ldapserver.Success)
		})
	}
}

// TestWhatIsNoRequestEndsTheConnection, with a notice.
func TestWhatIsNoRequestEndsTheConnection(t *testing.T) {
	answerAsRequest := ber.NewSequence("")
	answerAsRequest.AppendChild(integer(1))
	answerAsRequest.AppendChild(ber.Encode(ber.ClassApplication, ber.TypeConstructed, 1, nil, ""))
	for name, raw := range map[string][]byte{
		"HTTP":                []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"TLS":                 {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc},
		"zeros":               make([]byte, 16),
		"indefinite length":   {0x30, 0x80, 0x02, 0x01, 0x01, 0x42, 0x00, 0x00, 0x00},
		"63 bits of length":   {0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"64 bits of length":   {0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"half a message":      {0x30, 0x03, 0x02, 0x01, 0x01},
		"number 0":            search(0, 0, 0),
		"a negative number":   {0x30, 0x05, 0x02, 0x01, 0xff, 0x42, 0x00},
		"an answer":           answerAsRequest.Bytes(),
		"an unknown request":  {0x30, 0x05, 0x02, 0x01, 0x01, 0x7e, 0x00},
		"an inner length":     {0x30, 0x05, 0x02, 0x01, 0x01, 0x63, 0x7f},
		"larger than allowed": {0x30, 0x83, 0x01, 0x00, 0x01},
		"2 GB":                {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
	} {
		inBubble(t, ldapserver.Config{}, office{search: none}, func(t *testing.T, b *bench) {
			w := b.dial()
			w.send(raw)
			if a, ok := w.read(); !ok || a.id != 0 || a.code != int(ldapserver.ProtocolError) || !strings.Contains(string(a.packet.Bytes()), "1.3.6.1.4.1.1466.20036") {
				t.Errorf("%s: %+v, open %t; want a notice of disconnection", name, a, ok)
			}
			w.wantEnd()
		})
	}
}

func TestANumberIsUsedOnceAtATime(t *testing.T) {
	inBubble(t, ldapserver.Config{}, office{search: untilEnd}, func(_ *testing.T, b *bench) {
		w := b.dial()
		w.send(search(1, 0, 0))
		w.send(search(1, 0, 0))
		a, _ := w.read()
		if a.id == 1 {
			a, _ = w.read()
		}
		if a.id != 0 || a.code != int(ldapserver.ProtocolError) {
			b.t.Errorf("%+v", a)
		}
	})
}

// TestStrangersSendLess: the larger bound is for those who are bound.
func TestStrangersSendLess(t *testing.T) {
	long := request(2, ldapserver.KindSearch, searchParts(strings.Repeat("x", 100_000), 0, 0)...)
	inBubble(t, ldapserver.Config{}, office{search: none, bind: welcome}, func(_ *testing.T, b *bench) {
		w := b.dial()
		w.send(long)
		w.wantNotice(ldapserver.ProtocolError)
		w = b.dial()
		w.send(bind(1, "cn=x", "secret"))
		w.want(1, ldapserver.Success)
		w.send(long)
		w.want(2, ldapserver.Success)
		w.send(bind(3, "", ""))
		w.want(3, ldapserver.Success)
		w.send(long)
		w.wantNotice(ldapserver.ProtocolError)
	})
}

// TestWhoFailsToBindIsNobody, also where the handler would not be asked.
func TestWhoFailsToBindIsNobody(t *testing.T) {
	sasl := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	sasl.AppendChild(text("EXTERNAL"))
	for name, failing := range map[string][]byte{
		"SASL":        request(2, ldapserver.KindBind, integer(3), text(""), sasl),
		"LDAP 2":      request(2, ldapserver.KindBind, integer(2), text("cn=x"), context0("secret")),
		"half a bind": request(2, ldapserver.KindBind, integer(3)),
	} {
		who := "?"
		enter := func(_ context.Context, r *ldapserver.BindRequest) ldapserver.Result {
			who = r.Name
			return ldapserver.Result{}
		}
		inBubble(t, ldapserver.Config{}, office{search: none, bind: enter}, func(t *testing.T, b *bench) {
			w := b.dial()
			w.send(bind(1, "cn=x", "secret"))
			w.want(1, ldapserver.Success)
			w.send(failing)
			if a, ok := w.read(); !ok || a.code == int(ldapserver.Success) || who != "" {
				t.Errorf("%s: %+v, bound as %q", name, a, who)
			}
			w.send(request(3, ldapserver.KindSearch, searchParts(strings.Repeat("x", 100_000), 0, 0)...))
			w.wantNotice(ldapserver.ProtocolError)
		})
	}
}

func TestUnbind(t *testing.T) {
	inBubble(t, ldapserver.Config{}, office{}, func(_ *testing.T, b *bench) {
		w := b.dial()
		w.send([]byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x42, 0x00})
		w.wantEnd()
	})
}

func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	burst := func(_ context.Context, r *ldapserver.SearchRequest, _ func(ldapserver.Entry) error) ldapserver.Result {
		if r.Base != "" {
			panic("the secret is " + r.Base)
		}
		return ldapserver.Result{}
	}
	burstBind := func(_ context.Context, r *ldapserver.BindRequest) ldapserver.Result {
		panic("the secret is " + r.Password.Reveal())
	}
	inBubble(t, ldapserver.Config{}, office{search: burst, bind: burstBind}, func(t *testing.T, b *bench) {
		other := b.dial()
		for _, raw := range [][]byte{request(1, ldapserver.KindSearch, searchParts("hunter2", 0, 0)...), bind(1, "cn=x", "hunter2")} {
			w := b.dial()
			w.send(raw)
			w.wantNotice(ldapserver.Other)
		}
		other.send(search(1, 0, 0))
		other.want(1, ldapserver.Success)
		other.Close()
		b.stop()
		<-b.done
		b.done <- nil
		if log := b.log.String(); strings.Count(log, "panicked") != 2 || strings.Contains(log, "hunter2") {
			t.Errorf("the log is\n%s", log)
		}
	})
}

func TestStartTLS(t *testing.T) {
	testTLS(t, func(t *testing.T, b *bench, trust *tls.Config) {
		w := b.dial()
		w.send(extended(1, ldapserver.OIDStartTLS))
		w.want(1, ldapserver.Success)
		encrypted := tls.Client(w.Conn, trust)
		if err := encrypted.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Conn = encrypted
		w.send(search(2, 0, 0))
		w.want(2, ldapserver.Success)
		w.send(extended(3, ldapserver.OIDStartTLS))
		w.want(3, ldapserver.OperationsError)
	})
}

// TestNothingIsTakenFromBeforeStartTLS: what stands behind the request in clear
// may be an attacker's.
func TestNothingIsTakenFromBeforeStartTLS(t *testing.T) {
	testTLS(t, func(_ *testing.T, b *bench, _ *tls.Config) {
		w := b.dial()
		w.send(append(extended(1, ldapserver.OIDStartTLS), bind(2, "cn=evil", "secret")...))
		w.wantNotice(ldapserver.ProtocolError)
	})
}

func TestStartTLSWantsNothingInFlight(t *testing.T) {
	testTLS(t, func(_ *testing.T, b *bench, _ *tls.Config) {
		w := b.dial()
		w.send(search(1, 0, 60))
		w.send(extended(2, ldapserver.OIDStartTLS))
		w.want(2, ldapserver.OperationsError)
	})
}

func testTLS(t *testing.T, test func(*testing.T, *bench, *tls.Config)) {
	t.Helper()
	answer := func(ctx context.Context, r *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
		if r.TimeLimit > 0 {
			return untilEnd(ctx, r, send)
		}
		return ldapserver.Result{}
	}
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certificates.CertFile, certificates.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(certificates.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	trust := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
	trust.RootCAs.AppendCertsFromPEM(authority)
	bench := serve(t, ldapserver.Config{TLS: config}, office{search: answer, bind: welcome})
	test(t, bench, trust)
}
