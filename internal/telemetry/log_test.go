package telemetry

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"latchkey/internal/setting"
)

func TestSecretsAreTakenOut(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo)
	const canary = "c4n4ry"
	log.Info("one", "password", canary, "bind_password", canary, "Token", canary, slog.Group("request", "login", canary))
	log.With("code", canary).Info("two", "config", setting.NewSecret(canary))
	log.Debug("three", "plain", canary)
	if strings.Contains(out.String(), canary) {
		t.Errorf("a secret is in the log:\n%s", out.String())
	}
	log.Info("four", "recovery", "r-1", "tokenizer", "plain")
	for _, want := range []string{`"recovery":"r-1"`, `"tokenizer":"plain"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing:\n%s", want, out.String())
		}
	}
}
