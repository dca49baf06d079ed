package contact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

var (
	// ErrUnknownLogin means that nobody, or more than one, has a login.
	ErrUnknownLogin = errors.New("nobody in the directory has this login, or more than one person has")
	// ErrUnknownDirectory means that the configuration has no such directory.
	ErrUnknownDirectory = errors.New("the configuration has no [[directory]] of this name")
	// ErrNoDirectory means that a row leaves open which directory is meant.
	ErrNoDirectory = errors.New("there are several directories: name one in a column \"directory\"")
	// ErrBadRows means that nothing was imported because of bad rows.
	ErrBadRows = errors.New("nothing was imported, because the file has bad rows")
	// ErrShared warns of a contact that several people have (S50).
	ErrShared = errors.New("another person in the file has the same contact: they share its budget of messages")
)

// Resolver finds the permanent id of a person, in its text form. It returns an
// error that wraps [ErrUnknownLogin] or [ErrUnknownDirectory] where the row is
// at fault; any other error ends the import.
type Resolver interface {
	Resolve(ctx context.Context, directory, login string) (person string, err error)
}

// Importer brings files of contacts into a store.
type Importer struct {
	Config   Config
	Store    *Store
	Resolver Resolver
	// Directory is meant where a row names none; empty means that each must.
	Directory string
	// DryRun writes nothing.
	DryRun bool
	// SkipBad imports the good rows of a file that has bad ones.
	SkipBad bool
}

// Result is what came of an import, or what would come of it.
type Result struct {
	// Rows are the rows of the file, Bad those that are not good; People and
	// Contacts are what the good ones hold.
	Rows, People, Contacts, Bad int
	// Errors tell of every bad row, by line; Warnings of good ones.
	Errors, Warnings []RowError
}

// Import reads a file. The contacts in it replace those that were imported for
// the same people before; contacts of other sources, and other people, are not
// touched. When a row is bad, nothing is written and the error is
// [ErrBadRows], unless SkipBad is set. When writing fails, the people of
// earlier lines have their contacts; the import can simply be repeated.
func (i *Importer) Import(ctx context.Context, r io.Reader) (Result, error) {
	rows, faults := ParseCSV(r, i.Config)
	a := assignment{
		people: make(map[owner]*imported), resolved: make(map[owner]answer), held: make(map[Address]bool), faults: faults,
	}
	for _, row := range rows {
		if err := i.assign(ctx, &a, row); err != nil {
			return Result{}, err
		}
	}
	result := a.result()
	if result.Bad > 0 && !i.SkipBad {
		return result, ErrBadRows
	}
	if i.DryRun {
		return result, nil
	}
	now := time.Now().UTC().Truncate(time.Second)
	for _, one := range a.order {
		err := i.Store.Update(ctx, one.owner.directory, one.owner.name, func(c *Card) error {
			c.Contacts = c.Replaced(Imported, one.values, now)
			return nil
		})
		if err != nil {
			return result, fmt.Errorf("write the contacts of line %d: %w", one.line, err)
		}
	}
	return result, nil
}

// owner is a login while a file is read, and a person afterwards.
type owner struct{ directory, name string }

// imported is one person's part of a file.
type imported struct {
	owner  owner
	line   int // the first one
	values []Address
}

// assignment is the good rows of a file, given to people.
type assignment struct {
	people   map[owner]*imported
	order    []*imported
	resolved map[owner]answer
	held     map[Address]bool
	rows     int
	faults   []RowError
	warnings []RowError
}

// answer is what the resolver said.
type answer struct {
	person string
	err    error
}

// assign gives the contacts of a row to a person.
func (i *Importer) assign(ctx context.Context, a *assignment, row Row) error {
	directory := cmp.Or(row.Directory, i.Directory)
	if directory == "" {
		a.faults = append(a.faults, RowError{Line: row.Line, Column: columnDirectory, Err: ErrNoDirectory})
		return nil
	}
	person, err := i.resolve(ctx, a, owner{directory, row.Login})
	switch {
	case errors.Is(err, ErrUnknownDirectory):
		a.faults = append(a.faults, RowError{Line: row.Line, Column: columnDirectory, Err: ErrUnknownDirectory})
		return nil
	case errors.Is(err, ErrUnknownLogin):
		a.faults = append(a.faults, RowError{Line: row.Line, Column: columnLogin, Err: ErrUnknownLogin})
		return nil
	case err != nil:
		return fmt.Errorf("look up the login of line %d: %w", row.Line, err)
	}
	a.add(owner{directory, person}, row)
	return nil
}

// resolve asks for each login once.
func (i *Importer) resolve(ctx context.Context, a *assignment, login owner) (string, error) {
	known, ok := a.resolved[login]
	if !ok {
		known.person, known.err = i.Resolver.Resolve(ctx, login.directory, login.name)
		a.resolved[login] = known
	}
	return known.person, known.err
}

func (a *assignment) add(who owner, row Row) {
	a.rows++
	one, ok := a.people[who]
	if !ok {
		one = &imported{owner: who, line: row.Line}
		a.people[who] = one
		a.order = append(a.order, one)
	}
	for _, cell := range []struct {
		column string
		value  Address
	}{{columnEmail, Address{Email, row.Email}}, {columnMobile, Address{Mobile, row.Mobile}}} {
		if cell.value.Value == "" || slices.Contains(one.values, cell.value) {
			continue
		}
		one.values = append(one.values, cell.value)
		if a.held[cell.value] {
			a.warnings = append(a.warnings, RowError{Line: row.Line, Column: cell.column, Err: ErrShared})
			continue
		}
		a.held[cell.value] = true
	}
}

func (a *assignment) result() Result {
	slices.SortStableFunc(a.faults, func(a, b RowError) int { return cmp.Compare(a.Line, b.Line) })
	r := Result{People: len(a.order), Errors: a.faults, Warnings: a.warnings}
	for n, fault := range a.faults {
		if n == 0 || fault.Line != a.faults[n-1].Line {
			r.Bad++
		}
	}
	for _, one := range a.order {
		r.Contacts += len(one.values)
	}
	r.Rows = a.rows + r.Bad
	return r
}
