package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/store"
	"latchkey/resetapi/confirmation"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/verifier"
)

// desk is what the commands on contacts work with.
type desk struct {
	store       *store.Store
	contacts    *contact.Store
	directories []*directory.Directory
	rules       contact.Config
	notices     *delivery.Queue
	codes       *confirmation.Service
}

// openDesk opens the store and all directories.
func (a *application) openDesk(ctx context.Context, to access) (_ *desk, err error) {
	loaded, err := a.load()
	if err != nil {
		return nil, err
	}
	s, keys, err := openStore(loaded)
	if err != nil {
		return nil, err
	}
	d := &desk{store: s, contacts: contact.NewStore(s, keys).Noting(loaded.WrittenBack()...), rules: loaded.Contacts, notices: delivery.NewQueue(s, keys, loaded.Delivery)}
	d.codes = &confirmation.Service{Cards: d.contacts, Codes: verifier.NewIssued(keys), Queue: d.notices, Reaches: func(c contact.Contact) bool {
		return c.Kind != contact.Mobile || loaded.SMS.Reaches(c.Value)
	}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := to.check(ctx, s, keys); err != nil {
		return nil, err
	}
	// What a server of the directory should warn its operator of is told by serve
	// and by config check; a command fails or does what it was asked for.
	quiet := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelError}))
	for _, section := range loaded.Directories {
		opened, err := directory.Open(section, quiet)
		if err != nil {
			return nil, err
		}
		d.directories = append(d.directories, opened)
	}
	return d, nil
}

func (d *desk) close() error {
	for _, opened := range d.directories {
		opened.Close()
	}
	return d.store.Close()
}

// choose returns the directory with a name; no name means the only one.
func (d *desk) choose(name string) (*directory.Directory, error) {
	var names []string
	for _, opened := range d.directories {
		if opened.Name() == name || name == "" && len(d.directories) == 1 {
			return opened, nil
		}
		names = append(names, opened.Name())
	}
	if name == "" {
		return nil, usageError("say which directory with --directory: " + strings.Join(names, ", "))
	}
	return nil, usageError(fmt.Sprintf("there is no directory %q; there is: %s", name, strings.Join(names, ", ")))
}

// Persons finds people by their logins; with Logins it makes the desk a
// contact.Resolver.
func (d *desk) Persons(ctx context.Context, name string, logins []string) ([]string, error) {
	people, err := d.choose(name)
	if err != nil {
		return nil, contact.ErrUnknownDirectory
	}
	return people.Persons(ctx, logins)
}

// Logins finds people by their permanent ids.
func (d *desk) Logins(ctx context.Context, name string, persons []string) ([]string, error) {
	people, err := d.choose(name)
	if err != nil {
		return nil, contact.ErrUnknownDirectory
	}
	ids := make([]directory.ID, 0, len(persons))
	for _, person := range persons {
		if id, err := directory.ParseID(person); err == nil {
			ids = append(ids, id)
		}
	}
	found, err := people.Logins(ctx, ids)
	if err != nil {
		return nil, err
	}
	logins := make([]string, len(persons))
	for i, person := range persons {
		if id, err := directory.ParseID(person); err == nil {
			logins[i] = found[id]
		}
	}
	return logins, nil
}

// login returns the login of the owner of a card.
func (d *desk) login(ctx context.Context, name, person string) (string, error) {
	people, err := d.choose(name)
	if err != nil {
		return "", contact.ErrUnknownLogin
	}
	id, err := directory.ParseID(person)
	if err != nil {
		return "", err
	}
	entry, err := people.Read(ctx, id)
	if errors.Is(err, directory.ErrNotFound) {
		return "", contact.ErrUnknownLogin
	}
	if err != nil {
		return "", err
	}
	return entry.Login, nil
}
