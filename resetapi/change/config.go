package change

import (
	"time"

	"latchkey/internal/setting"
)

// Config is the section [change].
type Config struct {
	// Enabled offers the page and the call; default true.
	Enabled bool `toml:"enabled"`
	// AnswerAfter is the step of time at which answers come that are no success;
	// default 1s, which is more than a sign-in takes.
	AnswerAfter setting.Duration `toml:"answer_after"`
	// Workers is how many changes are asked of the directories at a time; for more
	// the answer is 503, for everyone. Default 8.
	Workers int `toml:"workers"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{Enabled: true, AnswerAfter: setting.Duration(time.Second), Workers: 8}
}

// Faults reports what is wrong with the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	const lowest, highest, most = 100 * time.Millisecond, 10 * time.Second, 256
	if c.AnswerAfter.Std() < lowest || c.AnswerAfter.Std() > highest {
		faults = append(faults, setting.OutOfRange("answer_after", c.AnswerAfter, lowest, highest))
	}
	if c.Workers < 1 || c.Workers > most {
		faults = append(faults, setting.OutOfRange("workers", c.Workers, 1, most))
	}
	return faults
}
