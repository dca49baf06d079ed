package ldapsync

import (
	"errors"
	"fmt"
	"time"
)

// Report is what came of a synchronization, or, in a dry run, what would come
// of it. It holds no value of an entry.
type Report struct {
	Directory string `json:"directory"`
	DryRun    bool   `json:"dry_run"`
	// Complete tells that everyone was seen. Otherwise nobody is taken for gone.
	Complete bool `json:"complete"`
	// People were read; WithContacts of them have Contacts in the directory.
	People       int `json:"people"`
	WithContacts int `json:"with_contacts"`
	Contacts     int `json:"contacts"`
	// Written and Unchanged count cards.
	Written   int `json:"written"`
	Unchanged int `json:"unchanged"`
	// Missing are contacts, of so many people who would have none left, that the
	// directory no longer has. Removed of them were taken out of the cards.
	Missing       int `json:"missing"`
	MissingPeople int `json:"missing_people"`
	Removed       int `json:"removed"`
	// Rejected values may not be contacts: how many, why, and the first of them.
	Rejected   int            `json:"rejected"`
	Reasons    map[string]int `json:"reasons"`
	Rejections []Rejection    `json:"rejections"`
	// Shared are contacts that several people have, SharedPeople those people,
	// and WidelyShared the contacts of more than five (S50).
	Shared       int `json:"shared"`
	SharedPeople int `json:"shared_people"`
	WidelyShared int `json:"widely_shared"`
	// Unidentified entries do not show their permanent id.
	Unidentified int `json:"unidentified"`
	// Unreadable cards do not open and were left as they are.
	Unreadable int     `json:"unreadable"`
	Seconds    float64 `json:"seconds"`
}

// Rejection tells of one value that may not be a contact, without the value.
type Rejection struct {
	Person    string `json:"person"`
	Attribute string `json:"attribute"`
	Reason    string `json:"reason"`
}

const (
	// maxRejections is how many are told one by one.
	maxRejections = 1000
	// many people with one contact are worth a look (SECURITY: S50).
	many = 5
)

func (r *Report) reject(person string, refused []refusal) {
	for _, refusal := range refused {
		reason := refusal.err.Error()
		r.Rejected++
		r.Reasons[reason]++
		if len(r.Rejections) < maxRejections {
			r.Rejections = append(r.Rejections, Rejection{person, refusal.attribute, reason})
		}
	}
}

func (r *Report) share(s Shared) {
	r.Shared, r.SharedPeople, r.WidelyShared = s.Contacts, s.People, s.Widely
}

// Progress is how far a pass is.
type Progress struct {
	People int
	// Estimate is how many there are according to the directory, or to the last
	// whole pass; 0 if neither says.
	Estimate int
	Elapsed  time.Duration
}

var (
	// ErrIncomplete means that the pass ended before everyone was seen. What was
	// seen is written, and nothing is removed.
	ErrIncomplete = errors.New("not everyone was read, so no contact was removed")
	// ErrNobody means that the directory shows nobody. Nothing is removed.
	ErrNobody = errors.New("the directory shows nobody, so no contact was removed: check filter and base_dn, and the rights of the service account")
)

// TooManyError means that more would be removed than one run may. Nothing was.
type TooManyError struct {
	// Contacts of People, who would have none left, are missing in the
	// directory; OfContacts and OfPeople were synchronized before.
	Contacts, People, OfContacts, OfPeople int
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("nothing was removed, because the directory no longer has %d of %d contacts, and %d of %d people would have none left: that is more than max_removals or max_removals_percent; check that filter, attributes and rights are right",
		e.Contacts, e.OfContacts, e.People, e.OfPeople)
}
