package serving

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"latchkey/config"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
)

// TestADirectoryThatIsAwayIsNamedOnce when nothing can be served without it.
func TestADirectoryThatIsAwayIsNamedOnce(t *testing.T) {
	section := directory.Defaults()
	section.Name, section.Servers, section.BaseDN = "main", []string{"ldaps://127.0.0.1:1"}, "dc=example,dc=test"
	section.BindDN, section.BindPassword = "cn=latchkey,dc=example,dc=test", setting.NewSecret("x")
	_, err := openDirectories(t.Context(), []directory.Config{section}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.HasPrefix(err.Error(), `directory "main": `) || strings.Count(err.Error(), "main") != 1 {
		t.Errorf("%v", err)
	}
}

func TestNamesOfTheOrganization(t *testing.T) {
	c := config.Defaults()
	c.Support.ServiceName, c.Mail.ServiceName = "Contoso IT", "Contoso account"
	for url, want := range map[string]string{"https://reset.contoso.co.uk": "contoso", "https://pw.it.example.org:8443": "example", "http://127.0.0.1:8080": ""} {
		c.Server.PublicURL = url
		names := contextNames(c)
		if !slices.Contains(names, "Contoso IT") || !slices.Contains(names, "Latchkey") || (want != "") != slices.Contains(names, want) {
			t.Errorf("%s: %q", url, names)
		}
	}
}
