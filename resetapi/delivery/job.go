package delivery

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"latchkey/internal/keyring"
)

// The kinds of jobs and messages.
const (
	// KindCode brings an issued recovery code.
	KindCode = "code"
	// KindNotice tells the holder of an account that its password was changed.
	KindNotice = "notice"
	// KindOverwritten tells them that a password was being set, and that another
	// change came before or after it.
	KindOverwritten = "overwritten"
	// KindUnfinished tells them that the old password is dead and a new one is not
	// set yet.
	KindUnfinished = "unfinished"
	// KindUnlocked tells them that their account was unlocked and the password stays.
	KindUnlocked = "unlocked"
	// KindChanged tells them that somebody who knew the password changed it here.
	KindChanged = "changed"
	// KindContacts tells them, by the contacts that were there before, that those of
	// their account were changed.
	KindContacts = "contacts"
	// KindConfirmation brings a code to a contact that somebody entered, which shows
	// that it is right.
	KindConfirmation = "confirmation"
	// KindRefusal tells the holder of an account why it cannot be reset here,
	// and whom to ask.
	KindRefusal = "refusal"
	// KindSupport brings a request for help to support.
	KindSupport = "support"
	// KindBlocked tells the holder of an account that self-service was stopped
	// for it, because one of them said "that was not me".
	KindBlocked = "blocked"
	// KindAlarm tells support the same.
	KindAlarm = "alarm"
)

// IsNotice reports whether a kind tells the holder of an account of a change that
// was made, so that nothing may keep it back.
func IsNotice(kind string) bool {
	switch kind {
	case KindNotice, KindOverwritten, KindUnfinished, KindUnlocked, KindChanged, KindContacts, KindBlocked:
		return true
	}
	return false
}

// ForSupport reports whether a kind is for support.
func ForSupport(kind string) bool { return kind == KindSupport || kind == KindAlarm }

// NoticeLifetime is how long a notice or a request for help is tried: the
// ExpiresAt of its job.
const NoticeLifetime = 24 * time.Hour

// The reasons of a refusal.
const (
	ReasonDisabled       = "disabled"
	ReasonLocked         = "locked"
	ReasonExpired        = "expired"
	ReasonProtected      = "protected"
	ReasonNotEnabled     = "not_enabled"
	ReasonTooFewContacts = "too_few_contacts"
	// ReasonStopped: after too many wrong codes in a row no code is compared.
	ReasonStopped = "stopped"
	// ReasonBlocked: the holder of the account said "that was not me".
	ReasonBlocked = "blocked"
	// ReasonFrozen: the operator stopped self-service for a part of the directory.
	ReasonFrozen = "frozen"
)

// Job is what waits in the queue.
type Job struct {
	// ID is random and made by the producer; Seal makes it where it is empty.
	ID string `json:"id"`
	// Kind is what to say, such as [KindCode].
	Kind string `json:"kind"`
	// Recovery and Challenge are the ids of what the job belongs to.
	Recovery  string `json:"recovery"`
	Challenge string `json:"challenge"`
	// Directory and Person are the ids of whom a notice or refusal is for: it
	// may outlive the recovery.
	Directory string `json:"directory,omitempty"`
	Person    string `json:"person,omitempty"`
	// Holder is what the directory said of whom a notice is for when it was made;
	// zero where nobody had read it.
	Holder Holder `json:"holder,omitzero"`
	// Method is the channel: "email" or "sms".
	Method string `json:"method"`
	// Code is the issued recovery code, if any.
	Code string `json:"code"`
	// Language is a BCP 47 tag.
	Language string `json:"language"`
	// At is when it happened, of which a notice or refusal tells.
	At time.Time `json:"at,omitzero"`
	// Network is the rough place that it was done from, such as
	// "198.51.100.0/24"; may be empty.
	Network string `json:"network,omitempty"`
	// Device is what it was done with, such as "Firefox on Windows", put
	// together of words of ours; may be empty.
	Device string `json:"device,omitempty"`
	// Reason is why an account cannot be reset, such as [ReasonDisabled].
	Reason string `json:"reason,omitempty"`
	// Reference is the number of a request for help.
	Reference string `json:"reference,omitempty"`
	// Caller is who asks for help.
	Caller Caller `json:"caller,omitzero"`
	// ExpiresAt is when sending is of no use any more, by Redis' clock.
	ExpiresAt time.Time `json:"expires_at"`
	// Old are the contacts that a notice of others goes to.
	Old []Old `json:"old,omitempty"`
	// Attempt counts how often the job was tried before: what should happen
	// once a job is for attempt 0, which is repeated only after a crash.
	Attempt int `json:"attempt,omitempty"`
	// Progress is the workers' own note.
	Progress Progress `json:"progress,omitzero"`
}

// Holder is the holder of an account.
type Holder struct {
	Login string `json:"login,omitempty"`
	// Mail is the primary mail address, as it stands in the directory.
	Mail string `json:"mail,omitempty"`
}

// Caller is what somebody who asks for help wrote: text of a stranger, of which
// package support has taken everything but letters and line feeds. It appears in
// a text only, and marked as theirs.
type Caller struct {
	Name    string `json:"name,omitempty"`
	Phone   string `json:"phone,omitempty"`
	Email   string `json:"email,omitempty"`
	Message string `json:"message,omitempty"`
}

// Progress is what earlier attempts at a job came to. Recipients are marks: keyed
// hashes of job and recipient.
type Progress struct {
	// Sent have the message.
	Sent []string `json:"sent,omitempty"`
	// Refused will never take it.
	Refused []string `json:"refused,omitempty"`
	// Doubtful may have it.
	Doubtful []string `json:"doubtful,omitempty"`
	// Failure is the class of the last failure, such as [FailureUnreachable].
	Failure string `json:"failure,omitempty"`
}

// Message is what a channel renders and sends to one recipient.
type Message struct {
	// ID is the same whenever the same job is sent to the same recipient, by
	// which servers may know a repeated message. The worker sets it.
	ID string
	// Method, Kind, Language, At, Network, Device and Reason are those of [Job];
	// where they are empty, the job's own are taken.
	Method   string
	Kind     string
	Language string
	At       time.Time
	Network  string
	Device   string
	Reason   string
	// Challenge is the id of what a code answers; the job's own is taken.
	Challenge string
	// To is one contact in normal form.
	To string
	// Code is the issued recovery code, if any.
	Code string
	// ValidFor is how long the code can still be used.
	ValidFor time.Duration
	// Login names the account as the directory does; several people may share
	// a contact. It appears in the text only.
	Login string
	// Reference is the short number by which support finds what a message is
	// about.
	Reference string
	// Link is where the holder of the account can say "that was not me"; empty
	// where a message has no such link.
	Link string
	// Caller is who asks for help, and CallerLanguage the language of the pages
	// that they saw.
	Caller         Caller
	CallerLanguage string
	// Recovery is the id of the recovery in which help was asked for, if any.
	Recovery string
}

// of fills a message with what its job says.
func (m Message) of(j Job) Message {
	m.Method, m.Kind, m.Language = cmp.Or(m.Method, j.Method), cmp.Or(m.Kind, j.Kind), cmp.Or(m.Language, j.Language)
	m.Challenge = cmp.Or(m.Challenge, j.Challenge)
	m.Network, m.Device, m.Reason = cmp.Or(m.Network, j.Network), cmp.Or(m.Device, j.Device), cmp.Or(m.Reason, j.Reason)
	if m.At.IsZero() {
		m.At = j.At
	}
	return m
}

// kept reports whether the payload of the job outlives its failure.
func (j Job) kept() bool {
	return IsNotice(j.Kind) || ForSupport(j.Kind)
}

// again is a kept job as it is when it is retried: with all its time, and also
// for those who refused it.
func (j Job) again(now time.Time) Job {
	j.ExpiresAt, j.Attempt = now.Add(NoticeLifetime), 0
	j.Progress = Progress{Sent: slices.Clone(j.Progress.Sent)}
	return j
}

// jobSize is a multiple to which encoded jobs are padded. What producers write
// is shorter; only a job on its way to very many recipients may need another.
const jobSize = 2048

// Seal encrypts a job for the stream at [StreamKey], whose entries have the
// fields [FieldID] with the returned id and [FieldJob] with the sealed job.
func (q *Queue) Seal(job Job) (id string, sealed []byte) {
	if job.ID == "" {
		job.ID = rand.Text()
	}
	text, err := json.Marshal(job)
	if err != nil {
		panic(err) // strings and times
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

// mark is the keyed hash under which a job remembers a recipient.
func (q *Queue) mark(job string, m Message) string {
	return q.keys.Index("delivered", job, m.Method, m.Kind, m.To)[:16]
}
