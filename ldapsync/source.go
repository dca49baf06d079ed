package ldapsync

import (
	"context"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

// Lister reads everyone of a directory, a page at a time. Without an error it
// has shown everyone. [directory.Directory] is one.
type Lister interface {
	EachPage(ctx context.Context, q directory.Query, f func(directory.Page) error) error
}

// Cards keeps contact cards. [contact.Store] is one.
type Cards interface {
	UpdateAll(ctx context.Context, directory string, persons []string, change func(i int, c *contact.Card) bool) error
	Roam(ctx context.Context, f func(contact.Card) error) error
}

// Source tells what changes in a directory. [Stream] is one.
type Source interface {
	// Follow tells all changes since a cursor, or without one everything, one
	// after the other, until the context ends or an error does; it returns nil
	// only where that is the end of what it can do. tell waits while there is too
	// much to do; its error ends everything.
	Follow(ctx context.Context, from Cursor, tell func(Change) error) error
}

// Cursor is a place in a source, in a form that only the source knows.
type Cursor struct {
	// Source is the kind of source that gave it.
	Source string `json:"source"`
	Value  []byte `json:"value"`
}

// What is what a [Change] tells.
type What string

// What a source tells. A refresh begins with Began and ends with InStep; where
// it told of everyone who is there, Complete comes between. A source that breaks
// off before that has told nothing of whom it did not name.
const (
	// Began: a refresh begins.
	Began What = "began"
	// Found: an entry is there, with these values.
	Found What = "found"
	// Present: an entry is there, as it was.
	Present What = "present"
	// Gone: an entry is not there, or not where people are looked for.
	Gone What = "gone"
	// Complete: whoever was neither found nor present since Began is gone.
	Complete What = "complete"
	// InStep: all that is known was told; from now on changes come as they are
	// made.
	InStep What = "in step"
	// Moved: only the cursor is new.
	Moved What = "moved"
)

// Change is one thing that a source tells.
type Change struct {
	What What
	// Entry is who was found. Its ID is zero where the directory does not show it.
	Entry directory.Entry
	// ID is who is present or gone.
	ID directory.ID
	// Source is the kind of source that begins, and Whole whether it will tell of
	// everyone with their values.
	Source string
	Whole  bool
	// Estimate is how many entries there are, 0 where that is not known.
	Estimate int
	// Cursor, unless nil, is the place behind this change.
	Cursor []byte
}
