// Package inbox is where everything arrives that the demonstration sends: the
// mails and SMS of all its people, and what its directory says after a reset.
//
// It has a receiver of mail (SMTP, RFC 5321), an SMS gateway (HTTP) and one
// page that shows it all, the newest first. All of it is kept in memory and is
// for the loopback only: it asks nobody who they are.
package inbox

import (
	"slices"
	"sync"
	"time"
)

// The kinds of items.
const (
	Mail      = "mail"
	SMS       = "sms"
	Directory = "directory"
)

// mostKept is how many items are kept; the oldest go first.
const mostKept = 500

// Item is one thing that arrived.
type Item struct {
	// Number counts the items from 1.
	Number int
	Kind   string
	At     time.Time
	// To is the address or number; empty for the directory.
	To    string
	Title string
	Text  string
	// HTML is the mail as HTML, if it has that.
	HTML string
	// Checks are what was tried in the directory.
	Checks []Check
}

// Check is one sign-in that was tried.
type Check struct {
	What string
	// Said is what came of it, and Right tells whether it is as it must be.
	Said  string
	Right bool
}

// Inbox keeps what arrived.
type Inbox struct {
	mu    sync.Mutex
	last  int
	items []Item // the newest first
}

// Add keeps an item and gives it its number and time.
func (i *Inbox) Add(item Item) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	item.Number, item.At = i.last, time.Now()
	i.items = append([]Item{item}, i.items[:min(len(i.items), mostKept-1)]...)
}

// Items returns what is kept, the newest first.
func (i *Inbox) Items() []Item { return i.after(0) }

// after returns the items with higher numbers, the newest first.
func (i *Inbox) after(number int) []Item {
	i.mu.Lock()
	defer i.mu.Unlock()
	until := slices.IndexFunc(i.items, func(item Item) bool { return item.Number <= number })
	if until < 0 {
		until = len(i.items)
	}
	return slices.Clone(i.items[:until])
}

// find returns the item with a number.
func (i *Inbox) find(number int) (Item, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := slices.IndexFunc(i.items, func(item Item) bool { return item.Number == number })
	if at < 0 {
		return Item{}, false
	}
	return i.items[at], true
}
