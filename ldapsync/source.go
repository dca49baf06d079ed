package ldapsync

import (
	"context"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

// Source reads everyone of a directory, a page at a time. Without an error it
// has shown everyone. [directory.Directory] is one.
type Source interface {
	EachPage(ctx context.Context, q directory.Query, f func(directory.Page) error) error
}

// Cards keeps contact cards. [contact.Store] is one.
type Cards interface {
	UpdateAll(ctx context.Context, directory string, persons []string, change func(i int, c *contact.Card) bool) error
	Each(ctx context.Context, f func(contact.Card) error) error
}
