package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/directory"
)

const (
	// psearchOID is the control of draft-ietf-ldapext-psearch.
	psearchOID = "2.16.840.1.113730.3.4.3"
	// psearchEvery is how often what is told is looked up, at the most.
	psearchWait = 5 * time.Millisecond
)

// psearchControl asks for all four kinds of changes (1+2+4+8), none of what is
// there already, and to be told which kind each is.
type psearchControl struct{}

func (psearchControl) GetControlType() string { return psearchOID }
func (psearchControl) String() string         { return "persistent search" }

func (psearchControl) Encode() *ber.Packet {
	const everyChange = 15
	value := ber.NewSequence("PersistentSearch")
	value.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, everyChange, "changeTypes"))
	value.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "changesOnly"))
	value.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, "returnECs"))
	control := ber.NewSequence("Control")
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, psearchOID, "controlType"))
	control.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "criticality"))
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(value.Bytes()), "controlValue"))
	return control
}

// persistentSearch reads everyone, and whoever the server says changed. It knows
// no cursor: each connection begins with everyone. People are searched in their
// whole naming context and looked up by id, for a server does not tell of whom
// a change takes out of the search.
func (s *Stream) persistentSearch(ctx context.Context, f *feed) error {
	teller, err := s.People.OpenReader(ctx)
	if err != nil {
		return err
	}
	defer teller.Close()
	if teller.Server() != f.Server() {
		return errors.New("two connections went to two servers")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed, ended, err := f.hear(ctx, teller)
	if err != nil {
		return err
	}
	defer func() { cancel(); <-ended }()
	defer f.watch(ctx, teller)()
	if err := f.list(ctx, nil); err != nil {
		return err
	}
	if err := f.lookup(ctx, waiting(changed, nil)); err != nil {
		return err
	}
	if err := f.complete(nil); err != nil {
		return err
	}
	for {
		select {
		case id, more := <-changed:
			if !more {
				return <-ended
			}
			// Whatever is told in the same moment is looked up together.
			if err := pause(ctx, psearchWait); err != nil {
				return err
			}
			if err := f.lookup(ctx, waiting(changed, []directory.ID{id})); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// waiting returns ids that wait, each once.
func waiting(changed <-chan directory.ID, ids []directory.ID) []directory.ID {
	seen := make(map[directory.ID]bool)
	for _, id := range ids {
		seen[id] = true
	}
	for len(ids) < batchSize {
		select {
		case id, more := <-changed:
			if !more {
				return ids
			}
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
			continue
		default:
		}
		return ids
	}
	return ids
}

// hear begins the search that lasts. It returns when the server has most likely
// begun too: it answered what was asked behind it on the same connection.
func (f *feed) hear(ctx context.Context, teller *directory.Reader) (<-chan directory.ID, <-chan error, error) {
	request, err := teller.Request(f.query)
	if err != nil {
		return nil, nil, err
	}
	if request.BaseDN, err = teller.Context(ctx); err != nil {
		return nil, nil, err
	}
	request.Filter = "(objectClass=*)"
	request.Controls = []ldap.Control{psearchControl{}}
	changed, ended := make(chan directory.ID, batchSize), make(chan error, 1)
	go func() {
		err := teller.Stream(ctx, request, func(found *ldap.Entry, _ []ldap.Control) error {
			if found == nil {
				return nil
			}
			entry := teller.Entry(found, nil)
			if entry.ID.IsZero() {
				return nil // no person: people show their ids, or the list says so
			}
			select {
			case changed <- entry.ID:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		if err == nil {
			err = errors.New("the directory ended a search that was to last")
		}
		close(changed)
		ended <- err
		close(ended)
	}()
	for range 2 {
		if _, err := teller.Describe(ctx, "objectClass"); err != nil {
			teller.Close()
			return nil, nil, fmt.Errorf("begin a persistent search: %w", errors.Join(err, <-ended))
		}
	}
	return changed, ended, nil
}
