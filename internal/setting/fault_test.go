package setting_test

import (
	"os"
	"path/filepath"
	"testing"

	"latchkey/internal/setting"
)

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:6379": true, "127.8.8.8": true, "[::1]:25": true, "::1": true, "localhost": true, "localhost:25": true,
		"unix:/run/redis.sock": true,
		"10.0.0.1:6379":        false, "mail.example.org:25": false, "localhost.example.org": false, "": false, "0.0.0.0:80": false,
	} {
		if got := setting.Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v, want %v", address, got, want)
		}
	}
}

func TestAuthorities(t *testing.T) {
	if got := setting.Authorities("ca_file", ""); got != nil {
		t.Errorf("no file named: %v", got)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	for _, text := range []string{"", "no certificate\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := setting.Authorities("ca_file", path); len(got) != 1 {
			t.Errorf("%q: %v, want one fault", text, got)
		}
	}
}

func TestUnreadable(t *testing.T) {
	if got := setting.Unreadable("ca_file", ""); got != nil {
		t.Errorf("no file named: %v", got)
	}
	if got := setting.Unreadable("ca_file", filepath.Join(t.TempDir(), "absent.pem")); len(got) != 1 {
		t.Errorf("absent file: %v, want one fault", got)
	}
}
