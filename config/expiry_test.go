package config

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// TestCertificatesThatEndSoon are spoken of in plain words, each by its key.
func TestCertificatesThatEndSoon(t *testing.T) {
	files, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	end := firstEnd(files.CertFile)
	if end.IsZero() {
		t.Fatal("the certificate has no end")
	}
	c := Defaults()
	c.Server.CertFile, c.Mail.CAFile = files.CertFile, "absent.pem"
	for before, want := range map[time.Duration]string{
		31 * 24 * time.Hour: "", 29 * 24 * time.Hour: "expires on " + end.UTC().Format(time.DateOnly), -time.Second: "expired on " + end.UTC().Format(time.DateOnly),
	} {
		got := c.expiries(end.Add(-before))
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], "server.cert_file ") || !strings.Contains(got[0], want)) {
			t.Errorf("%v before its end: %q, want %q", before, got, want)
		}
	}
}
