package recovery

import (
	"fmt"
	"time"

	"latchkey/internal/setting"
)

// Faults reports what is wrong with the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	for _, span := range []struct {
		key             string
		value           setting.Duration
		lowest, highest time.Duration
	}{
		{"idle", c.Idle, time.Second, time.Hour},
		{"lifetime", c.Lifetime, time.Second, time.Hour},
		{"code_lifetime", c.CodeLifetime, time.Second, 10 * time.Minute},
		{"resend_after", c.ResendAfter, 0, 10 * time.Minute},
		{"lookup_jitter", c.LookupJitter, 0, time.Second},
		{"write_timeout", c.WriteTimeout, time.Second, time.Minute},
		{"settle_for", c.SettleFor, time.Second, 30 * time.Second},
		{"settle_every", c.SettleEvery, 100 * time.Millisecond, 30 * time.Second},
		{"retention", c.Retention, time.Minute, 30 * 24 * time.Hour},
	} {
		if span.value.Std() < span.lowest || span.value.Std() > span.highest {
			faults = append(faults, setting.OutOfRange(span.key, span.value, span.lowest, span.highest))
		}
	}
	for _, count := range []struct {
		key                    string
		value, lowest, highest int
	}{
		{"codes_per_gate", c.CodesPerGate, 1, 10},
		{"guesses_per_code", c.GuessesPerCode, 1, 10},
		{"guesses_per_recovery", c.GuessesPerRecovery, 1, 20},
		{"guesses_per_day", c.GuessesPerDay, 1, 50},
		{"guesses_in_a_row", c.GuessesInARow, 1, 100},
		{"strict_gates", c.StrictGates, 1, 2},
		{"refusals_per_recovery", c.RefusalsPerRecovery, 1, 20},
		{"lookup_queue", c.LookupQueue, 1, 1_000_000},
		{"lookup_workers", c.LookupWorkers, 1, 256},
	} {
		if count.value < count.lowest || count.value > count.highest {
			faults = append(faults, setting.OutOfRange(count.key, count.value, count.lowest, count.highest))
		}
	}
	if _, err := c.offices(); err != nil {
		faults = append(faults, setting.Fault{Key: "office_networks", Problem: "has something that is no network prefix", Allowed: "prefixes such as 192.0.2.0/24 or 2001:db8::/48"})
	}
	if c.Idle > c.Lifetime {
		faults = append(faults, setting.Fault{Key: "idle", Problem: "is longer than lifetime", Allowed: "at most lifetime"})
	}
	if kept, least := c.Lifetime+c.Retention, 2*c.settlingTime(); kept < least {
		faults = append(faults, setting.Fault{
			Key:     "retention",
			Problem: fmt.Sprintf("is too short: with lifetime a recovery is kept for %s, and may be forgotten before it is known whether its password was written", kept),
			Allowed: fmt.Sprintf("so long that lifetime and retention together are at least %s, twice the time of write_timeout and two times settle_for", least),
		})
	}
	return faults
}
