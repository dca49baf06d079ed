package audit

import (
	"strings"
	"time"
	"unicode"
)

// The kinds of events that the halves record.
const (
	// RecoveryStarted: somebody began a recovery.
	RecoveryStarted = "recovery_started"
	// LookedUp: the typed login was looked up; the outcome is found or decoy.
	LookedUp = "looked_up"
	// ChallengeOpened: a code was asked for.
	ChallengeOpened = "challenge_opened"
	// Guessed: a code was submitted; the outcome is right or wrong.
	Guessed = "guessed"
	// CodesStopped: no code of a person is compared any more, by one method, after
	// too many wrong ones in a row.
	CodesStopped = "codes_stopped"
	// WriteIntended: a password is about to be written.
	WriteIntended = "write_intended"
	// WriteEnded: what became of it; the outcome is the directory's.
	WriteEnded = "write_ended"
	// UnlockIntended: a lock is about to be taken away, and the password stays.
	UnlockIntended = "unlock_intended"
	// UnlockEnded: what became of it.
	UnlockEnded = "unlock_ended"
	// ChangeIntended: a password whose holder proved the old one is about to be
	// changed.
	ChangeIntended = "change_intended"
	// ChangeEnded: what became of it.
	ChangeEnded = "change_ended"
	// ChangeRefused: somebody who tried to change a password was turned away
	// before; the reason is a fixed word.
	ChangeRefused = "change_refused"
	// ContactWrittenBack: a contact is about to be written into the directory or
	// taken away there (the outcome is intended), or was; the reason names the
	// attribute.
	ContactWrittenBack = "contact_written_back"
	// RecoveryEnded: a recovery ended without a new password.
	RecoveryEnded = "recovery_ended"
	// SupportRequested: somebody asked support for help.
	SupportRequested = "support_requested"
	// Disowned: the holder of an account said that a reset was not theirs, and
	// self-service is stopped for it.
	Disowned = "disowned"
)

// The kinds of events that commands record. By names the operator; the outcome
// is intended, done or failed.
const (
	// ContactsChanged: the contacts of a person were set or deleted.
	ContactsChanged = "contacts_changed"
	// ContactsImported, ContactsExported and ContactsSynced: so many people's
	// contacts were written or shown; the reason has the counts.
	ContactsImported = "contacts_imported"
	ContactsExported = "contacts_exported"
	ContactsSynced   = "contacts_synced"
	// RemovalsHeld: a directory that is followed no longer has so many contacts that
	// they are not removed until that is approved; the reason has the counts.
	RemovalsHeld = "removals_held"
	// RemovalsApproved: an operator let contacts be removed that a directory no
	// longer has; the reason has the counts.
	RemovalsApproved = "removals_approved"
	// ContactsRevealed: an operator looked at the contacts of a person in clear.
	ContactsRevealed = "contacts_revealed"
	// LimitsCleared: the used tries and messages of a person were given back.
	LimitsCleared = "limits_cleared"
	// KeysRotated, KeysReencrypted and KeysRetired: the keyring changed; the
	// reason has the version.
	KeysRotated     = "keys_rotated"
	KeysReencrypted = "keys_reencrypted"
	KeysRetired     = "keys_retired"
	// StoreInitialized: Redis was marked as the store of this keyring.
	StoreInitialized = "store_initialized"
	// Frozen and Unfrozen: self-service was stopped, and goes on. The reason is
	// in the operator's words.
	Frozen   = "frozen"
	Unfrozen = "unfrozen"
	// BlockLifted: an operator let self-service go on for a person who had said
	// that a reset was not theirs.
	BlockLifted = "block_lifted"
	// CanaryReset: doctor replaced the password of its canary.
	CanaryReset = "canary_reset"
	// DeliveryRetried: messages that failed for good were queued again.
	DeliveryRetried = "delivery_retried"
)

// The kinds that the log makes itself.
const (
	// Throttled: a limit turned attempts away; the reason is its name and the
	// count is how many since the last such line.
	Throttled = "throttled"
	// Started and Stopped: an instance opened and closed its log. A start
	// without a stop before it means a crash.
	Started = "audit_started"
	Stopped = "audit_stopped"
	// Torn: the end of the file was cut after a crash; the count is in bytes.
	Torn = "audit_torn"
	// Resumed: writing works again; the count is how many Records were refused.
	Resumed = "audit_resumed"
	// Dropped: the count says how many Notes were lost while writing failed.
	Dropped = "audit_dropped"
	// Expired: lines up to the number in through were older than the retention
	// and are removed.
	Expired = "audit_expired"
)

// Event is something that happened. It holds ids, never logins or contacts.
type Event struct {
	Kind      string `json:"kind"`
	Recovery  string `json:"recovery,omitempty"`
	Directory string `json:"directory,omitempty"`
	// Person is the permanent id, in the text form of directory.ID.
	Person string `json:"person,omitempty"`
	Method string `json:"method,omitempty"`
	// Outcome and Reason are fixed words.
	Outcome   string `json:"outcome,omitempty"`
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Network is the network of the client: /24, or /48 for IPv6.
	Network string `json:"network,omitempty"`
	// By is the operator who ran a command: a user of the machine's system.
	By string `json:"by,omitempty"`
}

// Line is an event in the chain.
type Line struct {
	// Sequence counts from 1 over all files.
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	Event
	// Count and Through belong to kinds that the log makes itself.
	Count   uint64 `json:"count,omitempty"`
	Through uint64 `json:"through,omitempty"`
	// Previous is the hash of the line before, in hexadecimal.
	Previous string `json:"previous"`
	// Hash is SHA-256 over the bytes of the line that stand before it.
	Hash string `json:"hash,omitempty"`
	// MAC is a keyed MAC of Hash.
	MAC []byte `json:"mac,omitempty"`
}

// maxText is the longest text of an event, in bytes: a request id comes from
// outside, and a line must not grow with it.
const maxText = 256

// cleaned returns the event with every text as text of bounded length.
func (e Event) cleaned() Event {
	for _, text := range []*string{
		&e.Kind, &e.Recovery, &e.Directory, &e.Person, &e.Method, &e.Outcome, &e.Reason, &e.RequestID, &e.Network, &e.By,
	} {
		*text = clean(*text)
	}
	return e
}

func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // format characters turn a line around
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}
