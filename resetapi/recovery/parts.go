package recovery

import (
	"context"
	"log/slog"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/password"
	"latchkey/resetapi/policy"
)

// People reads people from one directory.
type People interface {
	Find(ctx context.Context, login string) (*directory.Person, error)
	Read(ctx context.Context, id directory.ID) (*directory.Person, error)
	Groups(ctx context.Context, p *directory.Person) ([]string, error)
}

// Passwords writes passwords to one directory.
type Passwords interface {
	Policy(ctx context.Context, p *directory.Person) (*directory.PasswordPolicy, error)
	SetPassword(ctx context.Context, p *directory.Person, password string) error
	Settle(ctx context.Context, a directory.Attempt, password string) (directory.Settlement, error)
}

// Directory is one directory under the name of its section.
type Directory struct {
	Name string
	People
	Passwords
}

// Contacts reads contact cards.
type Contacts interface {
	Get(ctx context.Context, directory, person string) (contact.Card, error)
}

// Codes makes and checks issued recovery codes.
type Codes interface {
	Issue(recovery, challenge, method string) (code string, mac []byte)
	Check(recovery, challenge, method string, mac []byte, code string) bool
}

// Sealer seals delivery jobs, all to the same size.
type Sealer interface {
	Seal(job delivery.Job) (id string, sealed []byte)
}

// Limits asks budgets of rates.
type Limits interface {
	Take(ctx context.Context, budgets ...ratelimit.Budget) (ratelimit.Decision, error)
}

// Switch tells whether everything is frozen by the operator, and why.
type Switch interface {
	Frozen(ctx context.Context) (reason string, frozen bool, err error)
}

// Auditor keeps the audit. Record returns when the event is safely kept; an
// error means that it is not, and then nothing may be written.
type Auditor interface {
	Record(ctx context.Context, e audit.Event) error
	Note(e audit.Event)
	Throttled(limit string)
}

// Meter counts what happens.
type Meter interface {
	RecoveryStarted()
	RecoveryDecoy()
	Gate(method string, passed bool)
	Write(outcome string)
	Limited(limit string)
}

// Parts is what a service is made of. All are required.
type Parts struct {
	Config      Config
	Password    password.Config
	Queue       delivery.Config
	Policy      *policy.Policy
	Directories []Directory
	// Methods are those that something can be sent by.
	Methods []Method
	// Reaches reports whether SMS get to a number; nil where SMS is off.
	Reaches  func(number string) bool
	Contacts Contacts
	Codes    Codes
	Jobs     Sealer
	Limits   Limits
	Store    *Store
	Keys     *keyring.Ring
	Logger   *slog.Logger
	Freeze   Switch
	Audit    Auditor
	Meter    Meter
}
