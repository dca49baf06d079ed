// Package support owns requests for help: what somebody who gets no further
// writes on the pages, on its way by mail to the people who can help. There is
// no queue for staff yet; the mail is all.
//
// Rules:
//   - A request proves nothing. Everything in it but the time and the network is
//     the word of a stranger, and the mail says so before anything else.
//   - Text of a stranger is cleaned of everything that could act: control and
//     format characters go, only letters, signs and line feeds stay.
//   - Nothing is looked up on the path of an answer, which is the same whoever
//     asks, with a recovery or without. Which directory the recovery belongs to,
//     and so who gets the mail, is found out when it is sent. While that cannot
//     be found out, everybody's mail goes to the address for all: it does not
//     wait, since a directory that is away is what people need help with.
//   - The address that the mail goes to comes from the configuration only.
//   - Rates are limited by address, by network and in all; an office, behind whose
//     address many people sit, has more. A request that is not taken costs nothing.
//   - The reference number is in the answer, the mail and the log, and is kept
//     nowhere else. It opens nothing.
//   - A request is sent also while all resets are frozen.
package support

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/recovery"
)

// Queue takes delivery jobs. Now is the clock of their times.
type Queue interface {
	Add(ctx context.Context, job delivery.Job) error
	Now(ctx context.Context) (time.Time, error)
}

// Limits asks budgets of rates.
type Limits interface {
	Take(ctx context.Context, budgets ...ratelimit.Budget) (ratelimit.Decision, error)
}

// Recoveries tells whom a recovery is about: the login as it was typed, and the
// directory of the person behind it. Both are empty when there is no such
// recovery any more, the directory also when there is no such person or it
// cannot be asked. LoginOf is the login of a person, empty when it is not known.
// InOffice reports whether an address belongs to the organisation's own networks.
type Recoveries interface {
	Whose(ctx context.Context, recovery string) (login, directory string, err error)
	LoginOf(ctx context.Context, directory, person string) string
	InOffice(address netip.Addr) bool
}

// Auditor notes what happened.
type Auditor interface {
	Note(e audit.Event)
}

// Parts is what a desk is made of. All are required but ToDirectory.
type Parts struct {
	// To is the address of support, in the normal form of package contact.
	To string
	// ToDirectory are those of the directories that have one of their own.
	ToDirectory map[string]string
	// Language is the one in which mails to support are written.
	Language   string
	Queue      Queue
	Limits     Limits
	Recoveries Recoveries
	Audit      Auditor
	Logger     *slog.Logger
}

// Desk takes requests for help. It is safe for concurrent use.
type Desk struct{ parts Parts }

// New returns a desk.
func New(p Parts) *Desk { return &Desk{p} }

// Submit queues a request for help from an address and returns its reference
// number, as [Spoken] tells it to people. It fails with [FaultsError],
// recovery.LimitedError, recovery.ErrBusy or store.ErrUnavailable.
func (d *Desk) Submit(ctx context.Context, request Request, address netip.Addr) (reference string, err error) {
	request = request.clean()
	if faults := request.faults(); len(faults) > 0 {
		return "", &FaultsError{faults}
	}
	decision, err := d.parts.Limits.Take(ctx, append(d.places(address), ratelimit.Budget{Limit: ratelimit.Support})...)
	if err != nil {
		return "", err
	}
	if !decision.Allowed {
		d.parts.Logger.InfoContext(ctx, "limit reached", "limit", decision.Limit)
		return "", &recovery.LimitedError{RetryAfter: decision.RetryAfter}
	}
	now, err := d.parts.Queue.Now(ctx)
	if err != nil {
		return "", err
	}
	reference, network := newReference(), ratelimit.Network(address)
	err = d.parts.Queue.Add(ctx, delivery.Job{
		Kind: delivery.KindSupport, Method: string(recovery.EmailCode), Recovery: request.Recovery,
		Reference: reference, Caller: request.caller(), Language: request.Language,
		At: now, Network: network, Device: request.Browser, ExpiresAt: now.Add(delivery.NoticeLifetime),
	})
	if errors.Is(err, delivery.ErrFull) {
		return "", fmt.Errorf("%w: %w", recovery.ErrBusy, err)
	}
	if err != nil {
		return "", err
	}
	d.parts.Logger.InfoContext(ctx, "help was asked for", "reference", reference, "recovery", request.Recovery)
	d.parts.Audit.Note(audit.Event{Kind: audit.SupportRequested, Recovery: request.Recovery, Network: network})
	return reference, nil
}

// places are the budgets of an address. One network alone cannot use up what
// everyone has together.
func (d *Desk) places(a netip.Addr) []ratelimit.Budget {
	host := ratelimit.Host(a)
	if d.parts.Recoveries.InOffice(a) {
		return []ratelimit.Budget{{Limit: ratelimit.SupportPerOffice, Of: host}}
	}
	return []ratelimit.Budget{{Limit: ratelimit.SupportPerAddress, Of: host}, {Limit: ratelimit.SupportPerNetwork, Of: ratelimit.Network(a)}}
}

// Recipients addresses a job of delivery.KindSupport or KindAlarm, when it is
// about to be sent. Where support has no address, nobody is told.
func (d *Desk) Recipients(ctx context.Context, job delivery.Job) ([]delivery.Message, error) {
	if job.Kind == delivery.KindAlarm {
		return d.alarmed(ctx, job), nil
	}
	var login, directory string
	if job.Recovery != "" {
		var err error
		if login, directory, err = d.parts.Recoveries.Whose(ctx, job.Recovery); err != nil {
			return nil, err
		}
	}
	return []delivery.Message{{
		To: d.address(directory), Language: d.parts.Language, Login: login, Recovery: job.Recovery,
		Reference: Spoken(job.Reference), Caller: job.Caller, CallerLanguage: job.Language,
	}}, nil
}

// alarmed is the mail that tells of a reset which its holder says was not theirs.
func (d *Desk) alarmed(ctx context.Context, job delivery.Job) []delivery.Message {
	to := d.address(job.Directory)
	if to == "" {
		return nil
	}
	return []delivery.Message{{
		To: to, Language: d.parts.Language, Reference: job.Recovery[:8], Recovery: job.Recovery,
		Login: d.parts.Recoveries.LoginOf(ctx, job.Directory, job.Person),
	}}
}

// address is where support for a directory reads.
func (d *Desk) address(directory string) string {
	if to, ok := d.parts.ToDirectory[directory]; ok {
		return to
	}
	return d.parts.To
}
