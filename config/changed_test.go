package config

import (
	"slices"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
)

func TestChanged(t *testing.T) {
	old := Defaults()
	for name, test := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"nothing":     {func(*Config) {}, nil},
		"two":         {func(c *Config) { c.Log.Level, c.Server.Listen = "debug", "127.0.0.1:1" }, []string{"server", "log"}},
		"a secret":    {func(c *Config) { c.Redis.Password = setting.NewSecret("x") }, []string{"redis"}},
		"a directory": {func(c *Config) { c.Directories = []directory.Config{{Name: "x"}} }, []string{"directory"}},
		"a limit":     {func(c *Config) { delete(c.Limits, "starts") }, []string{"limits"}},
	} {
		c := Defaults()
		test.change(c)
		if got := old.Changed(c); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
