package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/store"
)

// desk is what the commands on contacts work with.
type desk struct {
	store       *store.Store
	contacts    *contact.Store
	directories []*directory.Directory
	rules       contact.Config
}

// openDesk opens the store and all directories.
func (a *application) openDesk(ctx context.Context) (_ *desk, err error) {
	loaded, err := a.load()
	if err != nil {
		return nil, err
	}
	s, keys, err := openStore(loaded)
	if err != nil {
		return nil, err
	}
	d := &desk{store: s, contacts: contact.NewStore(s, keys), rules: loaded.Contacts}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := s.Check(ctx, keys.Fingerprint()); err != nil {
		return nil, err
	}
	for _, section := range loaded.Directories {
		opened, err := directory.Open(section, a.logger)
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

// Resolve finds the person of a row; it makes the desk a contact.Resolver.
func (d *desk) Resolve(ctx context.Context, name, login string) (string, error) {
	people, err := d.choose(name)
	if err != nil {
		return "", contact.ErrUnknownDirectory
	}
	person, err := people.Find(ctx, login)
	if errors.Is(err, directory.ErrNotFound) {
		return "", contact.ErrUnknownLogin
	}
	if err != nil {
		return "", err
	}
	return person.ID.String(), nil
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
