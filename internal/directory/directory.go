// Package directory owns the LDAP side of Latchkey: connections, people, the
// password policy that applies to them, and the few writes that Latchkey makes.
//
// Rules:
//   - A person is found once by what was typed and from then on read by the
//     permanent id (entryUUID of RFC 4530, objectGUID, nsUniqueId); DNs come from
//     search results only.
//   - Every call has a deadline from its context. Connections are encrypted and
//     verified (LDAPS, or StartTLS of RFC 4511 §4.14 without fallback) before a
//     credential is sent. Referrals are never followed.
//   - The write is the Password Modify extended operation (RFC 3062) with the
//     password policy control (draft-behera-ldap-password-policy-11), never
//     without a userIdentity, as the service account, so that the directory's
//     own policy judges. Active Directory has no such operation: there it is one
//     Modify of unicodePwd with the control of policy hints ([MS-ADTS]). What the
//     service account ever writes is one list: [Writes].
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
	"fmt"
	"log/slog"
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
	// preference; ldap:// uses StartTLS. ldaps+srv://domain and ldap+srv://domain
	// stand for the servers that DNS names for the domain (RFC 2782). Servers that
	// take no writes are asked last.
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
	// RFC 4515. Empty means the flavor's: (&(objectClass=person)(uid={login})), or
	// on Active Directory by sAMAccountName and userPrincipalName.
	UserFilter string `toml:"user_filter"`
	// LoginAttribute holds the canonical login; empty means the flavor's, uid or
	// sAMAccountName.
	LoginAttribute string `toml:"login_attribute"`
	// Unlock lets a reset take a temporary lock away; default true. Without it a
	// locked account is not reset before the lock has run out.
	Unlock bool `toml:"unlock"`
	// MustChange makes people choose another password at the next sign-in;
	// default false.
	MustChange bool `toml:"must_change"`
	// WriteStrategy is [Direct], [FlagFirst] or [TemporaryFirst]; default Direct.
	WriteStrategy string `toml:"write_strategy"`
	// RequirePolicyHints refuses servers of Active Directory that cannot hold a
	// reset against the history; default false.
	RequirePolicyHints bool `toml:"require_policy_hints"`
	// DefaultPolicyDN is the password policy of people who name none; empty means
	// the flavor's: none on OpenLDAP, cn=config on 389 Directory Server.
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
	// Privileged says why the directory itself protects the account, as Active
	// Directory does those of administrators; empty for all others.
	Privileged string
	// ChangeStamp moves with every change of the password (pwdChangedTime,
	// pwdUpdateTime);
	// empty when the directory has none yet.
	ChangeStamp string

	policyDN       string
	domainPolicyDN string
	server         string
	// sids are what a memberReader knows of the person's groups.
	sids []string
	// lock, lockedAt and keepsLock: see [Person.MayReset].
	lock      []string
	lockedAt  time.Time
	keepsLock bool
	// mustChange: the person had to change the password before.
	mustChange bool
	// changeableAt is when a minimum age is over, where the entry says so.
	changeableAt time.Time
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
	// ChangeableAt is when MinAge is over; zero when it is not in the way of a
	// reset.
	ChangeableAt time.Time
	// OwnChangeAt is when MinAge is over for a change by the person, where it is in
	// the way of that only.
	OwnChangeAt time.Time
	// Classes is how many kinds of characters a password must mix: upper-case
	// letters, lower-case letters, other letters, digits, and the rest.
	Classes int
	// NoNames tells that it must not hold the login or a part of the name.
	NoNames bool
	// Dictionary tells that words of a dictionary are refused.
	Dictionary bool
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
