// Package audit owns the record of what Latchkey did: a hash chain for each
// instance, in files of JSON lines below one directory.
//
// Rules:
//   - [Log.Record] returns when its event is on the disk, or with an error when
//     it is not: then no password may be written. Many calls at once share one
//     fsync. [Log.Note] is for what strangers can cause; it never waits.
//   - Each line holds the hash of the line before it, its own hash (SHA-256
//     over its bytes up to the hash) and a MAC of that (HMAC-SHA-256, a key of
//     the keyring), so that a rewriter without the key is found. The file
//     "head" holds the last line's number and hash, so that a cut end is too.
//   - A file ends with its size or day and the next one carries the chain on.
//     What is older than the retention goes, after a line that says so.
//   - After a crash the chain goes on. A torn end, of which nobody was told that
//     it is recorded, is cut, and a line says so. Nothing else that does not
//     verify is touched: the log refuses to open.
//   - After a failed write the file is cut back to its last whole line before
//     anything else is written, and every Record fails until writing works.
//   - Events hold ids, never a login, name, contact, code or password.
//
// The newest lines of all instances also go, sealed, into a bounded stream in
// Redis, for searching only; nothing is proved by it and it may lose lines.
//
// Standards: OWASP ASVS 5.0 V16.3 and V16.4.
package audit

import (
	"errors"
	"fmt"
	"time"

	"latchkey/internal/setting"
)

// Config is the section [audit].
type Config struct {
	// Dir is the directory of one instance's files, on a local disk; default
	// /var/lib/latchkey/audit.
	Dir string `toml:"dir"`
	// Instance names this instance in every line; empty means the host's name.
	// A directory belongs to the instance that wrote it first.
	Instance string `toml:"instance"`
	// MaxFileMB is the size in MB (10^6 bytes) at which a new file begins;
	// default 16. It begins with each day (UTC) too.
	MaxFileMB int `toml:"max_file_mb"`
	// Retention is how long lines are kept; default 400 days (SECURITY (f)).
	Retention setting.Duration `toml:"retention"`
	// MaxTail is about how many of the newest lines of all instances lie in
	// Redis; default 10000.
	MaxTail int `toml:"max_tail"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		Dir: "/var/lib/latchkey/audit", MaxFileMB: 16,
		Retention: setting.Duration(400 * 24 * time.Hour), MaxTail: 10000,
	}
}

// Faults returns everything that is wrong in the section. Whether the directory
// can be written is seen when the log is opened.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if c.Dir == "" {
		faults = append(faults, setting.Missing("dir", "the path of a directory on a local disk"))
	}
	if len(c.Instance) > maxText || c.Instance != clean(c.Instance) {
		faults = append(faults, setting.Fault{Key: "instance", Problem: "is too long or is not text", Allowed: fmt.Sprintf("at most %d bytes", maxText)})
	}
	if c.MaxFileMB < 1 || c.MaxFileMB > 1000 {
		faults = append(faults, setting.OutOfRange("max_file_mb", c.MaxFileMB, 1, 1000))
	}
	if d := c.Retention.Std(); d < 24*time.Hour || d > 20*365*24*time.Hour {
		faults = append(faults, setting.OutOfRange("retention", c.Retention, "24h", "175200h"))
	}
	if c.MaxTail < 100 || c.MaxTail > 1_000_000 {
		faults = append(faults, setting.OutOfRange("max_tail", c.MaxTail, 100, 1_000_000))
	}
	return faults
}

var (
	// ErrUnwritable means that the event is not on the disk. Whatever it was to
	// announce must not be done.
	ErrUnwritable = errors.New("the audit cannot be written")
	// ErrClosed means that the log was closed.
	ErrClosed = errors.New("the audit is closed")
	// ErrInUse means that another process writes the same directory.
	ErrInUse = errors.New("another process writes this audit; each instance needs a directory of its own")
	// ErrOtherInstance means that the directory belongs to another instance.
	ErrOtherInstance = errors.New("this audit belongs to another instance; give this one another directory, or set its old name")
	// ErrBroken means that the chain does not verify; see [BrokenError].
	ErrBroken = errors.New("the audit chain is broken")
)

// BrokenError is the first place where the chain does not hold.
type BrokenError struct {
	// File is the name of the file within the directory.
	File string `json:"file"`
	// Line counts from 1; 0 means the file as a whole.
	Line int `json:"line"`
	// Problem says what is wrong there.
	Problem string `json:"problem"`
}

func (e *BrokenError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%v: %s: %s", ErrBroken, e.File, e.Problem)
	}
	return fmt.Sprintf("%v: %s, line %d: %s", ErrBroken, e.File, e.Line, e.Problem)
}

// Is makes every BrokenError an ErrBroken.
func (e *BrokenError) Is(target error) bool { return target == ErrBroken }
