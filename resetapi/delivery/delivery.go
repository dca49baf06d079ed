// Package delivery owns the delivery queue: a Redis stream of messages to
// send, and the worker that sends them through channels such as e-mail.
//
// Rules:
//   - A job is sealed, and padded to one size, so that Redis tells neither the
//     code in it nor whether it is a void one. It names a recovery, never a
//     recipient: who gets it is asked at the moment of sending, so that a job
//     of a dead recovery, an old challenge or a decoy ends as nothing.
//   - A job is delivered at least once, until it expires. After a temporary
//     failure it is put aside with the time of its next attempt, by Redis'
//     clock, and any worker brings it back: no wait holds a worker, and none is
//     lost in a restart. Who has the message already is noted in the job.
//   - A message that a server may or may not have taken is sent once more, not
//     more often.
//   - A job that failed for good or ran out of time becomes a dead letter. A
//     code loses its payload and is never sent late; a notice and a request for
//     help keep it and can be retried.
//   - A worker that dies leaves its jobs to the others, which claim them after
//     a while. A worker that stops finishes what it is sending.
//   - When Redis is away, the worker waits with growing pauses.
//   - While everything is held, nothing is sent but requests for help: codes
//     expire, notices wait.
//   - Logs name jobs and recoveries by their ids; errors of a channel must hold
//     neither a recipient nor a code.
package delivery

import (
	"context"
	"errors"
	"time"

	"golang.org/x/text/language"

	"latchkey/internal/setting"
)

// Config is the section [delivery].
type Config struct {
	// MaxQueue is how many jobs may wait; more are refused, for everyone.
	// Default 10000.
	MaxQueue int `toml:"max_queue"`
	// Workers is how many messages one process sends at once; default 4.
	Workers int `toml:"workers"`
	// ClaimAfter is how long a job lies with a worker that shows no sign of
	// life before another one takes it; default 30s.
	ClaimAfter setting.Duration `toml:"claim_after"`
	// LongestPause is the longest wait between two attempts at a notice, whose
	// pauses double from one second; default 10m. A code waits 30s at most.
	LongestPause setting.Duration `toml:"longest_pause"`
	// Language is that of messages to people of whom nobody knows which they read,
	// such as those of the help desk: a BCP 47 tag. Default "en".
	Language string `toml:"language"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		MaxQueue: 10000, Workers: 4,
		ClaimAfter: setting.Duration(30 * time.Second), LongestPause: setting.Duration(10 * time.Minute), Language: "en",
	}
}

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if c.MaxQueue < 1 || c.MaxQueue > 1_000_000 {
		faults = append(faults, setting.OutOfRange("max_queue", c.MaxQueue, 1, 1_000_000))
	}
	if c.Workers < 1 || c.Workers > 64 {
		faults = append(faults, setting.OutOfRange("workers", c.Workers, 1, 64))
	}
	if d := c.ClaimAfter.Std(); d < time.Second || d > 10*time.Minute {
		faults = append(faults, setting.OutOfRange("claim_after", c.ClaimAfter, "1s", "10m"))
	}
	if d := c.LongestPause.Std(); d < time.Second || d > time.Hour {
		faults = append(faults, setting.OutOfRange("longest_pause", c.LongestPause, "1s", "1h"))
	}
	if _, err := language.Parse(c.Language); err != nil && c.Language != "" {
		faults = append(faults, setting.Fault{Key: "language", Problem: "is no language", Allowed: `a tag such as "en" or "de" (BCP 47)`})
	}
	return faults
}

var (
	// ErrFull means that the queue holds as many jobs as it may.
	ErrFull = errors.New("the delivery queue is full")
	// ErrPermanent means that trying again is of no use.
	ErrPermanent = errors.New("delivery failed for good")
	// ErrUnreachable means that the server of a channel cannot be talked to.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrUncertain means that the message was handed over and no answer came:
	// it may be on its way.
	ErrUncertain = errors.New("it is not known whether the message was taken")
	// ErrNoLetter means that no dead letter has this id.
	ErrNoLetter = errors.New("there is no such dead letter")
	// ErrNotKept means that a dead letter has lost its payload.
	ErrNotKept = errors.New("only notices and requests for help can be retried: a code is never sent late, the person asks for a new one")
)

// Channel sends messages of one method. An error that wraps [ErrPermanent]
// ends the message, one that wraps [ErrUncertain] is tried once more, and any
// other again and again. The text of an error goes into the log: it holds no
// recipient, no code and no text of a foreign server.
type Channel interface {
	Send(ctx context.Context, m Message) error
}

// Recipients decides at the moment of sending who gets a job. No messages make
// it a void job. An error that wraps [ErrPermanent] ends the job; any other is
// tried again.
type Recipients interface {
	Recipients(ctx context.Context, job Job) ([]Message, error)
}
