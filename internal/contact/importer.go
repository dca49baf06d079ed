package contact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrUnknownLogin means that nobody, or more than one, has a login.
	ErrUnknownLogin = errors.New("nobody in the directory has this login, or more than one person has")
	// ErrUnknownPerson means that nobody has a permanent id.
	ErrUnknownPerson = errors.New("nobody in the directory has this permanent id")
	// ErrUnknownDirectory means that the configuration has no such directory.
	ErrUnknownDirectory = errors.New("the configuration has no [[directory]] of this name")
	// ErrNoDirectory means that a row leaves open which directory is meant.
	ErrNoDirectory = errors.New("there are several directories: name one in a column \"directory\"")
	// ErrBadRows means that nothing was imported because of bad rows.
	ErrBadRows = errors.New("nothing was imported, because the file has bad rows")
	// ErrAbove means that an import that goes on from a line would lose contacts.
	ErrAbove = errors.New("rows of the same person stand above the line to go on from: import the file from its beginning")
	// ErrShared warns of a contact that several people have (S50).
	ErrShared = errors.New("another person in the file has the same contact: they share its budget of messages")
)

// Resolver finds many people of a directory at once. Both return an answer for
// each that was asked, and an error that wraps [ErrUnknownDirectory] where there
// is no such directory; any other error ends the import.
type Resolver interface {
	// Persons returns the permanent ids behind logins, in their text form; nothing
	// for a login that nobody, or more than one, has.
	Persons(ctx context.Context, directory string, logins []string) ([]string, error)
	// Logins returns the logins behind permanent ids; nothing for who is not there.
	Logins(ctx context.Context, directory string, persons []string) ([]string, error)
}

// Importer brings files of contacts into a store. A file is read twice, once to
// look at every row and once to write, so that of each person and each contact no
// more than some bytes are kept.
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
	// FromLine passes over everything above a line, to go on with an import that
	// was stopped.
	FromLine int
	// Fault and Warning are told all that Errors and Warnings of the result hold
	// the first of; nil means nobody.
	Fault, Warning func(RowError)
	// Written is told, after each batch, of the people whose contacts are not what
	// they were; nil means nobody.
	Written func(context.Context, []Owner) error
	// Altered is told of each person who could be reached before, and by other
	// contacts than now; nil means nobody.
	Altered func(Alteration)
	// Progress is told how many rows were looked at or written; nil means nobody.
	Progress func(writing bool, rows int)
}

// Result is what came of an import, or what would come of it.
type Result struct {
	// Rows are the rows of the file, Bad those that are not good; People and
	// Contacts are what the good ones hold.
	Rows, People, Contacts, Bad int
	// Errors are the first that is wrong with rows, Warnings the first of what is
	// remarkable with good ones.
	Errors, Warnings []RowError
	// Changed is how many people's contacts were written and are not what they
	// were.
	Changed int
	// NextLine is where an import that was stopped while it wrote can go on; 0
	// where it has to begin anew.
	NextLine int
}

// Owner is the person whose card it is.
type Owner struct{ Directory, Person string }

// maxToldRows is how many faults and warnings a result holds.
const maxToldRows = 1000

// Import reads a file: CSV, or a JSON object in each line. The contacts in it
// replace those that were imported for the same people before; contacts of other
// sources, and other people, are not touched. When a row is bad, nothing is
// written and the error is [ErrBadRows], unless SkipBad is set; when the first
// line does not name the columns it is [ErrHeader]. When writing fails, the
// people of earlier lines have their contacts; the import can simply be repeated.
//
// A reader that cannot go back to its beginning is kept in memory as it is, and
// so are the rows of people whose rows do not follow each other.
func (i *Importer) Import(ctx context.Context, r io.Reader) (Result, error) {
	first, again := twice(r)
	c := newCheck(i)
	if err := i.eachRow(ctx, first, c.take, c.fault); err != nil {
		return Result{}, err
	}
	if c.result.Bad > 0 && !i.SkipBad {
		return c.result, ErrBadRows
	}
	if i.DryRun {
		return c.result, nil
	}
	second, err := again()
	if err != nil {
		return c.result, fmt.Errorf("%w: %w", ErrRead, err)
	}
	w := &rowWriter{Importer: i, result: &c.result, scattered: c.scattered}
	// Who went away since the first reading is told too.
	gone := func(fault RowError) {
		if !i.SkipBad {
			c.fault(fault)
		}
	}
	if err = i.eachRow(ctx, second, w.take, gone); err == nil {
		err = w.end(ctx)
	}
	if err != nil {
		w.stopped()
	}
	return c.result, err
}

// twice returns a reader for the first time, and what gives one for the second.
func twice(r io.Reader) (first io.Reader, again func() (io.Reader, error)) {
	if file, ok := r.(io.Seeker); ok {
		if begin, err := file.Seek(0, io.SeekCurrent); err == nil {
			return r, func() (io.Reader, error) {
				_, err := file.Seek(begin, io.SeekStart)
				return r, err
			}
		}
	}
	var kept bytes.Buffer
	return io.TeeReader(r, &kept), func() (io.Reader, error) { return &kept, nil }
}
