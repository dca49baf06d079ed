package ldapsync

import "time"

// Status is what is known of the synchronization of a directory that is
// followed. It holds nothing of one person.
type Status struct {
	// Source is the kind of source, as [Sources] names it.
	Source string `json:"source"`
	// Pass is the number of the last pass.
	Pass int64 `json:"pass"`
	// FullAt is when everything was last read to the end; People were found then
	// (of a million some two may not be counted).
	FullAt time.Time `json:"full_at,omitzero"`
	People int       `json:"people"`
	// WithContacts are the people with synchronized contacts.
	WithContacts int `json:"with_contacts"`
	// Shared are contacts of several people, at that time.
	Shared Shared `json:"shared"`
	// ChangedAt is when the last change came, InStepAt when Redis was last known
	// to be as the directory is: the time since then is the lag.
	ChangedAt time.Time `json:"changed_at,omitzero"`
	InStepAt  time.Time `json:"in_step_at,omitzero"`
	// Counts are since the beginning, by outcome.
	Counts Counts `json:"counts"`
	// Waiting is nil, or why nothing is removed until it is approved.
	Waiting *Waiting `json:"waiting,omitempty"`
	// Failure is why the last stream ended; empty while one runs.
	Failure   string    `json:"failure,omitempty"`
	FailureAt time.Time `json:"failure_at,omitzero"`
	// WindowAt is when the hour began in which WindowPeople lost contacts.
	WindowAt     time.Time `json:"window_at,omitzero"`
	WindowPeople int       `json:"window_people"`
}

// Counts count what came of changes.
type Counts struct {
	// Found, Present and Gone are what the source told.
	Found   int64 `json:"found"`
	Present int64 `json:"present"`
	Gone    int64 `json:"gone"`
	// Written and Unchanged are cards; Held are those that would have lost
	// contacts and wait.
	Written   int64 `json:"written"`
	Unchanged int64 `json:"unchanged"`
	Held      int64 `json:"held"`
	// Removed are contacts that were taken out of cards.
	Removed int64 `json:"removed"`
	// Rejected values may not be contacts. Unidentified entries do not show their
	// permanent id; Unreadable cards do not open.
	Rejected     int64 `json:"rejected"`
	Unidentified int64 `json:"unidentified"`
	Unreadable   int64 `json:"unreadable"`
}

func (c *Counts) add(o Counts) {
	c.Found += o.Found
	c.Present += o.Present
	c.Gone += o.Gone
	c.Written += o.Written
	c.Unchanged += o.Unchanged
	c.Held += o.Held
	c.Removed += o.Removed
	c.Rejected += o.Rejected
	c.Unidentified += o.Unidentified
	c.Unreadable += o.Unreadable
}

// The reasons to wait.
const (
	// TooMany: more would be removed than may be without being asked.
	TooMany = "too many"
	// Nobody: the directory shows nobody. That is never approved.
	Nobody = "nobody"
)

// Waiting tells what is not removed (SECURITY: S52).
type Waiting struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	// Contacts of People, who would have none left, are missing in the directory;
	// OfContacts and OfPeople were synchronized before.
	Contacts   int `json:"contacts"`
	People     int `json:"people"`
	OfContacts int `json:"of_contacts"`
	OfPeople   int `json:"of_people"`
}

// Approval lets what waits be removed, and no more.
type Approval struct {
	At       time.Time `json:"at"`
	Contacts int       `json:"contacts"`
	People   int       `json:"people"`
}

// approvalLife is how long an approval counts; the directory may be another one
// afterwards.
const approvalLife = 24 * time.Hour

func (c Counts) byName() map[string]int64 {
	return map[string]int64{
		"found": c.Found, "present": c.Present, "gone": c.Gone, "written": c.Written, "unchanged": c.Unchanged,
		"held": c.Held, "removed": c.Removed, "rejected": c.Rejected, "unidentified": c.Unidentified, "unreadable": c.Unreadable,
	}
}
