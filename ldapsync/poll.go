package ldapsync

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/directory"
)

const (
	modifyTimestamp = "modifyTimestamp"
	// pollOverlap is how much of the past is asked for again: changes of other
	// replicas come late, and within a second there is no order.
	pollOverlap = time.Minute
	pollEvery   = 10 * time.Second
)

// polled is the cursor of a poll: the latest modifyTimestamp that was seen.
type polled struct {
	At time.Time `json:"at"`
}

func (p *polled) saw(e directory.Entry) {
	for _, text := range e.Attributes[modifyTimestamp] {
		if at, err := ber8601(text); err == nil && at.After(p.At) {
			p.At = at
		}
	}
}

// ber8601 reads a generalized time (RFC 4517 §3.3.13) in one of the forms that
// servers write.
func ber8601(text string) (time.Time, error) {
	const whole, parts = "20060102150405Z", "20060102150405.999999Z"
	if at, err := time.Parse(whole, text); err == nil {
		return at, nil
	}
	return time.Parse(parts, text)
}

// poll asks for what was modified lately. It works with every server; who was
// deleted or moved away it finds only by a list of everyone.
func poll(ctx context.Context, f *feed) error {
	f.query.Attributes = append(f.query.Attributes, modifyTimestamp)
	var at polled
	if f.from != nil {
		if err := json.Unmarshal(f.from, &at); err != nil {
			return fmt.Errorf("%w: %w", ErrCursorLost, err)
		}
	}
	changes := func() ([]byte, error) {
		err := f.modified(ctx, &at)
		cursor, failure := json.Marshal(at)
		if err == nil {
			err = failure
		}
		return cursor, err
	}
	if f.from == nil {
		if err := f.list(ctx, at.saw); err != nil {
			return err
		}
	} else if err := f.reconcile(ctx); err != nil {
		return err
	}
	if err := f.completeBy(changes); err != nil {
		return err
	}
	return f.rounds(ctx, pollEvery, true, changes)
}

// modified tells of those who were modified since shortly before the last time.
func (f *feed) modified(ctx context.Context, at *polled) error {
	request, err := f.Request(f.query)
	if err != nil {
		return err
	}
	since := at.At.Add(-pollOverlap)
	q := f.query
	q.Filter = fmt.Sprintf("(&%s(%s>=%s))", request.Filter, modifyTimestamp, ldap.EscapeFilter(since.UTC().Format("20060102150405Z")))
	return f.EachPage(ctx, q, func(page directory.Page) error {
		for _, entry := range page.Entries {
			at.saw(entry)
			if err := f.tell(Change{What: Found, Entry: entry}); err != nil {
				return err
			}
		}
		return nil
	})
}
