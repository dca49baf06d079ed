package telemetry

import (
	"log/slog"

	"latchkey/internal/setting"
)

// Config is the section [log].
type Config struct {
	// Level is the least level that is logged: debug, info, warn or error;
	// default info. SIGHUP changes it in a running server.
	Level string `toml:"level"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config { return Config{Level: "info"} }

// Faults reports what is wrong with the section.
func (c Config) Faults() []setting.Fault {
	if _, ok := c.level(); !ok {
		return []setting.Fault{{Key: "level", Problem: "is no level", Allowed: "debug, info, warn or error"}}
	}
	return nil
}

// Minimum returns the configured level.
func (c Config) Minimum() slog.Level {
	level, _ := c.level()
	return level
}

func (c Config) level() (slog.Level, bool) {
	switch c.Level {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return slog.LevelInfo, false
}
