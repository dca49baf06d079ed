package recovery

import (
	"time"

	"latchkey/internal/setting"
)

// Config is the section [recovery].
type Config struct {
	// Idle ends a recovery that is not used; default 10m (ASVS 7.3.1).
	Idle setting.Duration `toml:"idle"`
	// Lifetime ends every recovery; default 30m (ASVS 7.3.2).
	Lifetime setting.Duration `toml:"lifetime"`
	// CodeLifetime is how long a code is valid; default 10m, which is also the
	// longest (ASVS 6.5.5).
	CodeLifetime setting.Duration `toml:"code_lifetime"`
	// ResendAfter is the wait before another code; it doubles with each code.
	// Default 30s (NIST SP 800-63B-4 §3.2.2).
	ResendAfter setting.Duration `toml:"resend_after"`
	// CodesPerGate is how many codes each gate may send; default 3.
	CodesPerGate int `toml:"codes_per_gate"`
	// GuessesPerCode is how often one code may be guessed; default 5.
	GuessesPerCode int `toml:"guesses_per_code"`
	// GuessesPerRecovery is how many wrong codes end a recovery; default 5.
	GuessesPerRecovery int `toml:"guesses_per_recovery"`
	// GuessesPerDay is how many wrong codes one person has in any 24 hours, over
	// all recoveries; default 10. Beyond it nothing is compared.
	GuessesPerDay int `toml:"guesses_per_day"`
	// GuessesInARow is how many wrong codes without a right one stop codes for a
	// person altogether; default 50, at most 100 (NIST SP 800-63B-4 §3.2.2).
	GuessesInARow int `toml:"guesses_in_a_row"`
	// StrictGates is how many gates everyone must pass whose recovery begins in
	// strict mode, if they have to pass fewer otherwise; default 1, which changes
	// nothing. With 2, who has contacts for one method only is turned away meanwhile.
	StrictGates int `toml:"strict_gates"`
	// RefusalsPerRecovery is how many refused passwords end a recovery; default 5.
	RefusalsPerRecovery int `toml:"refusals_per_recovery"`
	// LookupQueue is how many look-ups may wait; a full queue answers 503 to
	// everyone. Default 1000.
	LookupQueue int `toml:"lookup_queue"`
	// LookupWorkers is how many look-ups run at a time; default 4.
	LookupWorkers int `toml:"lookup_workers"`
	// LookupJitter is the longest random wait before a look-up; default 50ms.
	LookupJitter setting.Duration `toml:"lookup_jitter"`
	// WriteTimeout bounds everything between the claim on a write and its
	// outcome; default 25s, which the directory's own timeouts stay below.
	WriteTimeout setting.Duration `toml:"write_timeout"`
	// SettleFor is how long a write of unknown outcome is tested with the new
	// password; default 30s, the longest that it is kept in memory.
	SettleFor setting.Duration `toml:"settle_for"`
	// SettleEvery is the wait between two such tests; default 10s, so that they
	// never lock the account.
	SettleEvery setting.Duration `toml:"settle_every"`
	// OfficeNetworks are prefixes of the organisation's own networks, whose
	// addresses have the limits of offices; default none.
	OfficeNetworks []string `toml:"office_networks"`
	// Retention is how long an ended recovery can still be asked for; default 24h.
	Retention setting.Duration `toml:"retention"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		Idle: setting.Duration(10 * time.Minute), Lifetime: setting.Duration(30 * time.Minute),
		CodeLifetime: setting.Duration(10 * time.Minute), ResendAfter: setting.Duration(30 * time.Second),
		CodesPerGate: 3, GuessesPerCode: 5, GuessesPerRecovery: 5, GuessesPerDay: 10, GuessesInARow: 50,
		StrictGates:         1,
		RefusalsPerRecovery: 5, LookupQueue: 1000, LookupWorkers: 4,
		LookupJitter: setting.Duration(50 * time.Millisecond), WriteTimeout: setting.Duration(25 * time.Second),
		SettleFor: setting.Duration(30 * time.Second), SettleEvery: setting.Duration(10 * time.Second),
		Retention: setting.Duration(24 * time.Hour),
	}
}
