// Package setting owns the value types that sections of the configuration
// share: durations written as people write them, and secrets that cannot be
// printed by accident.
//
// Every package declares its own Config struct and uses these types in it, so
// that no package has to import config.
package setting

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Duration is a time span written as in "30s", "10m" or "24h". A bare number
// has no unit and is refused.
type Duration time.Duration

// UnmarshalText reads a duration in the syntax of [time.ParseDuration].
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as \"30s\", \"10m\" or \"24h\"", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration in the syntax that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Std returns the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// Redacted stands in for a secret wherever one would be printed.
const Redacted = "[redacted]"

// ErrSecretInFile is returned when a configuration file holds a secret itself
// instead of naming the file that holds it.
var ErrSecretInFile = errors.New("a secret does not belong into the configuration file: name a file with the same key and _file, or set the environment variable")

// Secret is a value that is never printed, logged or encoded. Its zero value
// means that nothing was configured.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the value. Call it only where the value is used.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether nothing was configured.
func (s Secret) IsZero() bool { return s.value == "" }

// UnmarshalText refuses: the configuration file names the file of a secret.
func (s *Secret) UnmarshalText([]byte) error { return ErrSecretInFile }

// MarshalText writes a placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON writes a placeholder.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// String returns a placeholder, or nothing where nothing is configured.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return Redacted
}

// GoString keeps %#v from showing the value.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps log records from showing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
