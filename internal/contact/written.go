package contact

import (
	"slices"
	"time"
)

// Written is a value that Latchkey wrote into an attribute of the person's entry,
// or is about to. It is in the card so that it changes with it in one step: what
// a synchronization reads of the directory is told from what came from here.
type Written struct {
	Attribute string `json:"attribute"`
	Kind      Kind   `json:"kind"`
	// Value is the normal form, and to the letter what was written.
	Value string       `json:"value"`
	State WrittenState `json:"state"`
	At    time.Time    `json:"at"`
	// Fence is that of whoever has the intent.
	Fence int64 `json:"fence,omitempty"`
}

// WrittenState is how far a value got.
type WrittenState string

// The states of a value.
const (
	// Intended values were not there, and may have come since: the write is on its
	// way, or was when it was last heard of.
	Intended WrittenState = "intended"
	// Placed values are Latchkey's own.
	Placed WrittenState = "written"
	// Withdrawn values were Latchkey's own and are gone. They are remembered for
	// as long as a synchronization may still tell of them.
	Withdrawn WrittenState = "withdrawn"
)

// Wrote reports whether a value that the directory has is, or was a short time
// ago, one that Latchkey wrote there: it is then no contact of the directory.
func (c Card) Wrote(kind Kind, value string) bool {
	return slices.ContainsFunc(c.Written, func(w Written) bool { return w.Kind == kind && w.Value == value })
}

// Foreign are the values of a directory that Latchkey did not write there.
func (c Card) Foreign(values []Address) []Address {
	if len(c.Written) == 0 {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), func(a Address) bool { return c.Wrote(a.Kind, a.Value) })
}

// writeBack is the name of a directory's notes.
func (s *Store) writeBack(directory string) string { return s.keys.Index("write_back", directory) }

// Noting returns the same cards for whoever changes them where contacts of these
// directories are written back: each change is noted for [Store.Pending] in the
// same step. Changes by a synchronization are not; they concern nothing that is
// written back.
func (s *Store) Noting(directories ...string) *Store {
	other := *s
	other.noted = make(map[string]string, len(directories))
	for _, directory := range directories {
		other.noted[directory] = s.writeBack(directory)
	}
	return &other
}
