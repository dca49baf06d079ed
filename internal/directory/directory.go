// Package directory owns the LDAP side of Latchkey: connections, people, the
// password policy that applies to them, and the few writes that Latchkey makes.
//
// Rules:
//   - A person is found once by what was typed and from then on read by the
//     permanent id (entryUUID, RFC 4530); DNs come from search results only.
//   - Every call has a deadline from its context. Connections are encrypted and
//     verified (LDAPS, or StartTLS of RFC 4511 §4.14 without fallback) before a
//     credential is sent. Referrals are never followed.
//   - The write is the Password Modify extended operation (RFC 3062) with the
//     password policy control (draft-behera-ldap-password-policy-11), never
//     without a userIdentity, as the service account, so that the directory's
//     own policy judges. What the service account ever writes is one list:
//     [Writes].
//   - A write has five outcomes: done (nil), refused ([RefusedError]), not
//     allowed ([ErrNotAllowed]), unavailable ([ErrUnavailable], nothing was
//     written) and unknown ([UnknownError]). Unknown is settled on the same
//     server by a bind with the new password or by the change stamp, never by
//     writing again.
//
// What differs between kinds of directory servers is behind the flavor
// interface: one file a flavor.
package directory

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"latchkey/internal/setting"
)

// Config is one section [[directory]].
type Config struct {
	// Name is how the rest of the configuration and the logs call it.
	Name string `toml:"name"`
	// Flavor pins the kind of server; empty means: ask its root DSE.
	Flavor string `toml:"flavor"`
	// Servers are ldaps://host[:port] or ldap://host[:port] URLs in order of
	// preference; all must be writable. ldap:// uses StartTLS.
	Servers []string `toml:"servers"`
	// CAFile holds the certificate authorities to trust; default the system's.
	// It is read again when it changed.
	CAFile string `toml:"ca_file"`
	// BaseDN is where people are searched, with the whole subtree.
	BaseDN string `toml:"base_dn"`
	// BindDN is the service account.
	BindDN string `toml:"bind_dn"`
	// BindPassword is its password; set BindPasswordFile or the environment.
	BindPassword setting.Secret `toml:"bind_password"`
	// BindPasswordFile names the file that holds the password. It is read again
	// when it changed.
	BindPasswordFile string `toml:"bind_password_file"`
	// BindPasswordOld is tried where the password is refused: during a rotation
	// it is the one before.
	BindPasswordOld setting.Secret `toml:"bind_password_old"`
	// BindPasswordOldFile names the file that holds it.
	BindPasswordOldFile string `toml:"bind_password_old_file"`
	// UserFilter finds a person; {login} stands for what was typed, escaped by
	// RFC 4515. Default (&(objectClass=person)(uid={login})).
	UserFilter string `toml:"user_filter"`
	// LoginAttribute holds the canonical login; default uid.
	LoginAttribute string `toml:"login_attribute"`
	// Unlock lets a reset take a temporary lock away; default true. Without it a
	// locked account is not reset before the lock has run out.
	Unlock bool `toml:"unlock"`
	// MustChange makes people choose another password at the next sign-in;
	// default false.
	MustChange bool `toml:"must_change"`
	// WriteStrategy is [Direct] or [FlagFirst]; default Direct.
	WriteStrategy string `toml:"write_strategy"`
	// DefaultPolicyDN is the password policy of people who name none.
	DefaultPolicyDN string `toml:"default_policy_dn"`
	// GroupFilter finds the groups of a person; {dn} stands for the person's DN.
	// Default (|(member={dn})(uniqueMember={dn})).
	GroupFilter string `toml:"group_filter"`
	// GroupBaseDN is where groups are searched; default BaseDN.
	GroupBaseDN string `toml:"group_base_dn"`
	// GroupDepth is how far up groups of groups are followed; default 1, only
	// the groups that name the person.
	GroupDepth int `toml:"group_depth"`
	// ConnectTimeout bounds dialing, TLS and bind together; default 3s.
	ConnectTimeout setting.Duration `toml:"connect_timeout"`
	// OperationTimeout bounds every other operation; default 10s.
	OperationTimeout setting.Duration `toml:"operation_timeout"`
	// Connections is the largest number of service connections; default 8
	// (more only lengthen the queue in front of the directory's single writer).
	Connections int `toml:"connections"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		UserFilter:       "(&(objectClass=person)(uid={login}))",
		LoginAttribute:   "uid",
		Unlock:           true,
		WriteStrategy:    string(Direct),
		GroupFilter:      "(|(member={dn})(uniqueMember={dn}))",
		GroupDepth:       1,
		ConnectTimeout:   setting.Duration(3 * time.Second),
		OperationTimeout: setting.Duration(10 * time.Second),
		Connections:      8,
	}
}

// ID is the permanent id of an entry: it survives renames and moves, and is
// never given to another entry. The zero ID belongs to nobody.
type ID struct {
	// Kind is the attribute that holds it, such as entryUUID.
	Kind string
	// Bytes is its canonical form as a string of raw bytes.
	Bytes string
}

// String returns kind:hex, the form that is stored and compared.
func (id ID) String() string { return fmt.Sprintf("%s:%x", id.Kind, id.Bytes) }

// IsZero reports whether the id belongs to nobody.
func (id ID) IsZero() bool { return id == ID{} }

// State is the state of an account as the directory sees it.
type State int

// The states of an account. Only Active and Locked accounts may be reset.
const (
	// Active accounts can sign in.
	Active State = iota
	// Locked accounts had too many wrong passwords; time or a reset unlocks them.
	Locked
	// LockedByAdministrator accounts were locked for good by an administrator.
	// Writing a password would erase that lock on OpenLDAP.
	LockedByAdministrator
	// Disabled accounts are switched off, or not yet valid.
	Disabled
	// Expired accounts are past their end (the account, not the password).
	Expired
)

func (s State) String() string {
	return [...]string{"active", "locked", "locked by an administrator", "disabled", "expired"}[s]
}

// Resettable reports whether a password may be written in this state.
func (s State) Resettable() bool { return s == Active || s == Locked }

// Person is what was read of one entry.
type Person struct {
	ID          ID
	DN          string
	Login       string
	DisplayName string
	Mail        string
	State       State
	// ChangeStamp moves with every change of the password (pwdChangedTime);
	// empty when the directory has none yet.
	ChangeStamp string

	policyDN string
	server   string
	// lock, lockedAt and keepsLock: see [Person.MayReset].
	lock      []string
	lockedAt  time.Time
	keepsLock bool
	// mustChange: the person had to change the password before.
	mustChange bool
}

// MayReset reports whether a password may be written: the state allows it, and
// so does unlock where there is a temporary lock.
func (p *Person) MayReset() bool {
	return p.State.Resettable() && (p.State != Locked || !p.keepsLock)
}

// Attempt returns what settles a write to this person later.
func (p *Person) Attempt() Attempt {
	return Attempt{Server: p.server, ID: p.ID, DN: p.DN, ChangeStamp: p.ChangeStamp, Unflagged: !p.mustChange}
}

// LogValue shows the id only.
func (p *Person) LogValue() slog.Value { return slog.StringValue(p.ID.String()) }

// Server is the address that answered; writes and settling stay on it.
func (p *Person) Server() string { return p.server }

// PasswordPolicy holds the directory's rules for one person. Zero means that
// the directory has no such rule.
type PasswordPolicy struct {
	MinLength int
	MaxLength int
	// History is how many earlier passwords are refused.
	History int
	// MinAge is how old a password must be before it may be replaced.
	MinAge time.Duration
	// ChangeableAt is when MinAge is over; zero when it is not in the way.
	ChangeableAt time.Time
	// QualityChecked tells that the server has further rules of its own.
	QualityChecked bool
	// SafeModify tells that the server wants the old password with each change,
	// which makes every reset impossible.
	SafeModify bool
	// LockoutDuration is after how long a temporary lock ends; zero means that
	// somebody has to take it away.
	LockoutDuration time.Duration
	// MustChange tells that the server looks at the flag of must_change.
	MustChange bool
}

// Attempt is all that is needed to settle a write whose outcome is unknown,
// also after a restart: the server that was asked, and who was meant.
type Attempt struct {
	Server string
	ID     ID
	DN     string
	// ChangeStamp is the stamp from before the write.
	ChangeStamp string
	// Unflagged tells that the person did not have to change the password before
	// the write. Only then is a must-change flag that outlives a write which did
	// not happen known to be ours, and taken back.
	Unflagged bool
}

// Settlement is what the directory says afterwards about such a write.
type Settlement int

// The settlements. Undecided means: ask again later.
const (
	Undecided Settlement = iota
	Written
	NotWritten
)

// Reason says why the directory refused a password.
type Reason string

// The reasons that a directory gives.
const (
	TooShort         Reason = "too_short"
	TooLong          Reason = "too_long"
	InHistory        Reason = "in_history"
	Unchanged        Reason = "unchanged"
	TooYoung         Reason = "too_young"
	NotComplex       Reason = "not_complex"
	DirectoryRefused Reason = "directory_refused"
)

var (
	// ErrNotFound means that no entry, or more than one, was found.
	ErrNotFound = errors.New("no such person in the directory")
	// ErrUnavailable means that the directory could not be asked or did nothing.
	ErrUnavailable = errors.New("the directory is unavailable")
	// ErrNotAllowed means that the service account may not write this password.
	ErrNotAllowed = errors.New("the directory does not allow the service account to reset this password")
)

// RefusedError means that the directory's policy refused the password. Nothing
// was written.
type RefusedError struct {
	Reasons []Reason
	// Detail is the directory's own code and text, for the operator's log.
	Detail string
}

func (e *RefusedError) Error() string {
	texts := make([]string, len(e.Reasons))
	for i, reason := range e.Reasons {
		texts[i] = string(reason)
	}
	return "the directory refused the password: " + strings.Join(texts, ", ")
}

// IncompleteError means that the password is written and what belongs to it,
// such as must_change, is not. [Directory.Settle] tries that again.
type IncompleteError struct {
	// Operation is what is missing.
	Operation Operation
	Err       error
}

func (e *IncompleteError) Error() string {
	return "the password is written, but not " + string(e.Operation) + ": " + e.Err.Error()
}

func (e *IncompleteError) Unwrap() error { return e.Err }

// UnknownError means that the write may or may not have happened: the request
// may have left and no answer came.
type UnknownError struct {
	// Server is the address that must be asked.
	Server string
	Err    error
}

func (e *UnknownError) Error() string {
	return "the outcome of the password write is unknown: " + e.Err.Error()
}

func (e *UnknownError) Unwrap() error { return e.Err }
