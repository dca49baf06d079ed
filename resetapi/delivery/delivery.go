// Package delivery owns the delivery queue: a Redis stream of messages to
// send, and the worker that sends them through channels such as e-mail.
//
// Rules:
//   - A job is sealed, and padded to one size, so that Redis tells neither the
//     code in it nor whether it is a void one. It names a recovery, never a
//     recipient: who gets it is asked at the moment of sending, so that a job
//     of a dead recovery, an old challenge or a decoy ends as nothing.
//   - A job is delivered at least once, until it expires. A temporary failure
//     is tried again with growing pauses; a permanent one ends the job. In
//     either end the payload is removed from Redis.
//   - A worker that dies leaves its jobs to the others, which claim them after
//     a while. A worker that stops finishes what it is sending.
//   - When Redis is away, the worker waits with growing pauses.
//   - Logs name jobs and recoveries by their ids; errors of a channel must hold
//     neither a recipient nor a code.
package delivery

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"latchkey/internal/keyring"
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
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{MaxQueue: 10000, Workers: 4, ClaimAfter: setting.Duration(30 * time.Second)}
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
	return faults
}

var (
	// ErrFull means that the queue holds as many jobs as it may.
	ErrFull = errors.New("the delivery queue is full")
	// ErrPermanent means that trying again is of no use.
	ErrPermanent = errors.New("delivery failed for good")
)

// KindCode is the kind of a job that brings an issued recovery code.
const KindCode = "code"

// Job is what waits in the queue.
type Job struct {
	// ID is random and made by the producer; Seal makes it where it is empty.
	ID string `json:"id"`
	// Kind is what to say, such as [KindCode].
	Kind string `json:"kind"`
	// Recovery and Challenge are the ids of what the job belongs to.
	Recovery  string `json:"recovery"`
	Challenge string `json:"challenge"`
	// Method is the channel: "email" or "sms".
	Method string `json:"method"`
	// Code is the issued recovery code, if any.
	Code string `json:"code"`
	// Language is a BCP 47 tag.
	Language string `json:"language"`
	// ExpiresAt is when sending is of no use any more, by Redis' clock.
	ExpiresAt time.Time `json:"expires_at"`
	// Attempt counts how often this worker tried the job before: what should
	// happen once a job, such as taking a budget, is for attempt 0.
	Attempt int `json:"-"`
}

// Message is what a channel renders and sends to one recipient.
type Message struct {
	// Method is the channel; empty means the job's.
	Method string
	// Kind is what to say, such as [KindCode].
	Kind string
	// To is one contact in normal form.
	To string
	// Code is the issued recovery code, if any.
	Code string
	// ValidFor is how long the code can still be used.
	ValidFor time.Duration
	// Language is a BCP 47 tag.
	Language string
	// Login names the account as the directory does; several people may share
	// a contact. It appears in the text only.
	Login string
}

// Channel sends messages of one method. An error that wraps [ErrPermanent]
// ends the message; any other is tried again. The text of an error goes into
// the log: it holds no recipient, no code and no text of a foreign server.
type Channel interface {
	Send(ctx context.Context, m Message) error
}

// Recipients decides at the moment of sending who gets a job. No messages make
// it a void job. An error that wraps [ErrPermanent] ends the job; any other is
// tried again.
type Recipients interface {
	Recipients(ctx context.Context, job Job) ([]Message, error)
}

// jobSize is the size of an encoded job; all are padded to it.
const jobSize = 1024

// Seal encrypts a job for the stream at [StreamKey], whose entries have the
// fields [FieldID] with the returned id and [FieldJob] with the sealed job.
func (q *Queue) Seal(job Job) (id string, sealed []byte) {
	if job.ID == "" {
		job.ID = rand.Text()
	}
	text, err := json.Marshal(job)
	if err != nil {
		panic(err) // strings and a time
	}
	short := -len(text) & (jobSize - 1)
	text = append(text, bytes.Repeat([]byte{' '}, short)...)
	return job.ID, q.keys.Seal(keyring.Jobs, text, job.ID)
}

func (q *Queue) open(id, sealed string) (Job, error) {
	text, err := q.keys.Open(keyring.Jobs, []byte(sealed), id)
	if err != nil {
		return Job{}, err
	}
	var job Job
	if err := json.Unmarshal(text, &job); err != nil {
		return Job{}, errors.New("the job is not in the form of this version")
	}
	return job, nil
}
