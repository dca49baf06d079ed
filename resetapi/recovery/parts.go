package recovery

import (
	"context"
	"log/slog"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
	"latchkey/resetapi/block"
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

// Locks takes temporary locks away.
type Locks interface {
	Unlock(ctx context.Context, p *directory.Person) error
}

// Directory is one directory under the name of its section.
type Directory struct {
	Name string
	// Unlocks tells that the operator lets people have their lock taken away.
	Unlocks bool
	People
	Passwords
	Locks
}

// Contacts reads contact cards, also in a round trip with other questions.
type Contacts interface {
	Get(ctx context.Context, directory, person string) (contact.Card, error)
	GetWith(ctx context.Context, b *store.Batch, directory, person string) func() (contact.Card, error)
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
	TakeWith(ctx context.Context, b *store.Batch, budgets ...ratelimit.Budget) func() (ratelimit.Decision, error)
	Once(ctx context.Context, b *store.Batch, id string, keep time.Duration, budgets ...ratelimit.Budget) func() (ratelimit.Decision, error)
}

// Switch tells what is frozen by the operator: everything, and why; a channel;
// subtrees of the directory.
type Switch interface {
	Frozen(ctx context.Context) (reason string, frozen bool, err error)
	FrozenChannel(ctx context.Context, channel string) (bool, error)
	FrozenSubtrees(ctx context.Context) (tops []string, err error)
}

// Blocks tells whom "that was not me" stops, and makes the links for it.
type Blocks interface {
	Stopped(ctx context.Context, b *store.Batch, directory, person string, begun time.Time) func() (bool, error)
	Link(s block.Subject) string
}

// Links acts on the links that came back.
type Links interface {
	Read(ctx context.Context, link string) (block.Subject, error)
	Block(ctx context.Context, link string) (s block.Subject, first bool, err error)
}

// Outbox queues delivery jobs that belong to no step of a recovery.
type Outbox interface {
	Add(ctx context.Context, job delivery.Job) error
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
	// Unlock counts locks that were to be taken away.
	Unlock(outcome string)
	Limited(limit string)
	// Disowned counts accounts whose holder said "that was not me".
	Disowned()
}

// Parts is what a service is made of. All are required but Passed.
type Parts struct {
	Config      Config
	Password    *password.Rules
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
	Blocks   Blocks
	Links    Links
	Outbox   Outbox
	// PublicURL is where the pages are, for the links in notices.
	PublicURL string
	Audit     Auditor
	Meter     Meter
	// Passed is told of each challenge that was answered rightly; may be nil.
	Passed func(ctx context.Context, m Method, challenge string)
}
