package config

import (
	"strings"

	"latchkey/internal/setting"
)

// Doctor is the section [doctor]: the accounts on which `latchkey doctor` proves
// what the service account may write.
type Doctor struct {
	// Canary is the login of an account that was made for it; empty: none.
	Canary string `toml:"canary"`
	// ProtectedCanary is the login of an account whose password must not be the
	// service account's to write. It is not changed.
	ProtectedCanary string `toml:"protected_canary"`
}

// Faults returns everything that is wrong in the section.
func (d Doctor) Faults() []setting.Fault {
	if d.Canary != "" && strings.EqualFold(d.Canary, d.ProtectedCanary) {
		return []setting.Fault{{Key: "protected_canary", Problem: "is the canary too, whose password is replaced", Allowed: "another account"}}
	}
	return nil
}
