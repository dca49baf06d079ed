package keyring

import "latchkey/internal/setting"

// Faults returns everything that is wrong in the section. Whether the keyring
// is there is asked when it is loaded: `latchkey keys init` makes it.
func (c Config) Faults() []setting.Fault {
	if c.File == "" {
		return []setting.Fault{setting.Missing("file", "the path of the keyring that `latchkey keys init` writes")}
	}
	return nil
}
