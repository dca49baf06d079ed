package ldapsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/directory"
)

const (
	// dirSyncOID is the control of [MS-ADTS] 3.1.1.3.4.1.3.
	dirSyncOID = ldap.ControlTypeDirSync
	adEvery    = time.Second
	// dirSyncBytes is about how much comes in one answer.
	dirSyncBytes = 1 << 20
	// userObjects are people, and computers, which are looked up in vain.
	userObjects = "(objectClass=user)"
)

// dirSync asks a domain controller for what changed since a cookie. What is told
// is only what changed in an entry, so each is looked up.
func dirSync(ctx context.Context, f *feed) error {
	head, err := f.Context(ctx)
	if err != nil {
		return err
	}
	cookie := f.from
	round := func() ([]byte, error) {
		ids, next, err := f.dirSyncIDs(ctx, head, cookie, nil)
		if err == nil {
			err = f.lookup(ctx, ids)
		}
		if err != nil {
			return nil, err
		}
		cookie = next
		return cookie, nil
	}
	if f.from == nil {
		// The cookie first: what changes while everyone is read comes behind it.
		if _, cookie, err = f.dirSyncIDs(ctx, head, nil, []string{"objectGUID"}); err != nil {
			return err
		}
		if err := f.list(ctx, nil); err != nil {
			return err
		}
		if err := f.completeBy(round); err != nil {
			return err
		}
	} else {
		if err := f.resumeBy(round); err != nil {
			return err
		}
	}
	return f.rounds(ctx, adEvery, true, round)
}

// resumeBy makes the first round behind a cursor. A server that does not take
// the cursor has lost it.
func (f *feed) resumeBy(round func() ([]byte, error)) error {
	if err := f.resume(); err != nil {
		return err
	}
	next, err := round()
	if _, answered := errors.AsType[*directory.AnswerError](err); answered {
		return fmt.Errorf("%w: %w", ErrCursorLost, err)
	}
	if err != nil {
		return err
	}
	return f.tell(Change{What: InStep, Cursor: next})
}

// dirSyncIDs returns who changed since a cookie, in whatever is asked for, and
// the next cookie. Without a cookie only that is wanted.
func (f *feed) dirSyncIDs(ctx context.Context, head string, cookie []byte, attributes []string) ([]directory.ID, []byte, error) {
	first := cookie == nil
	var ids []directory.ID
	seen := make(map[directory.ID]bool)
	for {
		request := ldap.NewSearchRequest(head, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, userObjects, attributes,
			[]ldap.Control{ldap.NewRequestControlDirSync(ldap.DirSyncObjectSecurity, dirSyncBytes, cookie)})
		result, err := f.Search(ctx, request)
		if err != nil {
			return nil, nil, err
		}
		answer, ok := ldap.FindControl(result.Controls, dirSyncOID).(*ldap.ControlDirSync)
		if !ok || len(answer.Cookie) == 0 {
			return nil, nil, errors.New("the domain controller answers without a cookie")
		}
		for _, found := range result.Entries {
			id := f.Entry(found, nil).ID
			if first || id.IsZero() || seen[id] {
				continue
			}
			seen[id] = true
			ids = append(ids, id)
		}
		cookie = answer.Cookie
		// The flag tells that there is more ([MS-ADTS] 3.1.1.3.4.1.3).
		if answer.Flags == 0 {
			return ids, cookie, nil
		}
		if len(ids) >= batchSize {
			if err := f.lookup(ctx, ids); err != nil {
				return nil, nil, err
			}
			ids = ids[:0]
		}
	}
}

// usnPlace is the cursor by uSNChanged, which counts on one domain controller
// only and begins anew when its database was restored.
type usnPlace struct {
	Controller string `json:"controller"`
	Invocation string `json:"invocation,omitempty"`
	USN        int64  `json:"usn"`
}

// controller tells which database answers, and how far it is.
func (f *feed) controller(ctx context.Context) (usnPlace, error) {
	root, err := f.Describe(ctx, "dsServiceName", "highestCommittedUSN")
	if err != nil {
		return usnPlace{}, err
	}
	p := usnPlace{Controller: root.GetEqualFoldAttributeValue("dsServiceName")}
	if p.USN, err = strconv.ParseInt(root.GetEqualFoldAttributeValue("highestCommittedUSN"), 10, 64); err != nil || p.Controller == "" {
		return usnPlace{}, errors.New("the domain controller does not tell its highestCommittedUSN")
	}
	settings, err := f.Search(ctx, ldap.NewSearchRequest(p.Controller, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"invocationId"}, nil))
	if err == nil && len(settings.Entries) == 1 {
		p.Invocation = fmt.Sprintf("%x", settings.Entries[0].GetEqualFoldAttributeValue("invocationId"))
	}
	return p, nil
}

// usn asks a domain controller for what has a greater uSNChanged, where the
// service account may not use DirSync.
func usn(ctx context.Context, f *feed) error {
	head, err := f.Context(ctx)
	if err != nil {
		return err
	}
	now, err := f.controller(ctx)
	if err != nil {
		return err
	}
	round := func() ([]byte, error) {
		next, err := f.controller(ctx)
		if err != nil {
			return nil, err
		}
		if next.USN > now.USN {
			if err := f.changedSince(ctx, head, now.USN); err != nil {
				return nil, err
			}
		}
		now = next
		return json.Marshal(now)
	}
	if f.from != nil {
		var last usnPlace
		if err := json.Unmarshal(f.from, &last); err != nil || last.Controller != now.Controller || last.Invocation != now.Invocation || last.USN > now.USN {
			return fmt.Errorf("%w: another domain controller, or another database", ErrCursorLost)
		}
		now = last
		if err := f.resumeBy(round); err != nil {
			return err
		}
		return f.rounds(ctx, adEvery, true, round)
	}
	if err := f.list(ctx, nil); err != nil {
		return err
	}
	if err := f.completeBy(round); err != nil {
		return err
	}
	return f.rounds(ctx, adEvery, true, round)
}

// changedSince looks up whoever changed behind a USN.
func (f *feed) changedSince(ctx context.Context, head string, behind int64) error {
	q := directory.Query{Bases: []string{head}, Filter: fmt.Sprintf("(&%s(uSNChanged>=%d))", userObjects, behind+1), PageSize: f.config.PageSize}
	return f.EachPage(ctx, q, func(page directory.Page) error {
		var ids []directory.ID
		for _, entry := range page.Entries {
			if !entry.ID.IsZero() {
				ids = append(ids, entry.ID)
			}
		}
		return f.lookup(ctx, ids)
	})
}
