package change

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/password"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/recovery"
)

// People changes the passwords of the people of one directory.
type People interface {
	Find(ctx context.Context, login string) (*directory.Person, error)
	Groups(ctx context.Context, p *directory.Person) ([]string, error)
	ChangeProved(ctx context.Context, p *directory.Person, old, password string, proved func(context.Context) error) error
}

// Directory is one directory under the name of its section.
type Directory struct {
	Name string
	People
}

// Limits asks budgets of rates, and gives them back.
type Limits interface {
	Take(ctx context.Context, budgets ...ratelimit.Budget) (ratelimit.Decision, error)
	Clear(ctx context.Context, budgets ...ratelimit.Budget) error
}

// Writes makes a write known before and after, apart from those of recoveries.
type Writes interface {
	ClaimChange(ctx context.Context, k recovery.KnownChange) (recovery.ChangeClaim, error)
	EndChange(ctx context.Context, c recovery.ChangeClaim, failure error, candidate string) (recovery.Step, error)
}

// Brakes tells what is stopped for everyone or for one person, and which
// addresses are those of offices.
type Brakes interface {
	Writable(ctx context.Context) error
	Suspended(ctx context.Context, directory string, p *directory.Person) (bool, error)
	InOffice(a netip.Addr) bool
}

// Auditor keeps the audit. Err is not nil while nothing can be recorded.
type Auditor interface {
	Note(e audit.Event)
	Throttled(limit string)
	Err() error
}

// Meter counts what happens.
type Meter interface {
	Change(outcome string)
	Limited(limit string)
}

// Parts is what a service is made of. All are required.
type Parts struct {
	Config Config
	// Timeout bounds everything that is asked of a directory for one change.
	Timeout     time.Duration
	Password    *password.Rules
	Policy      *policy.Policy
	Directories []Directory
	Limits      Limits
	Writes      Writes
	Brakes      Brakes
	Audit       Auditor
	Meter       Meter
	Logger      *slog.Logger
}
