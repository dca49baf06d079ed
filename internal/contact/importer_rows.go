package contact

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// rowsAtOnce is how many rows are looked up together.
const rowsAtOnce = 1000

// digest stands for a person or a contact where only sameness counts.
type digest [16]byte

func digestOf(parts ...string) digest {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return digest(sum[:16])
}

// owned is a good row and whose it is.
type owned struct {
	row   Row
	owner Owner
}

// reading is one reading of a file.
type reading struct {
	*Importer
	take  func(context.Context, []owned) error
	fault func(RowError)

	rows   []Row
	faults []RowError
	// above are those who were passed over.
	above map[digest]struct{}
}

// eachRow calls take with the good rows of a file, some at a time, and fault with
// what is wrong with the others, by line.
func (i *Importer) eachRow(ctx context.Context, file io.Reader, take func(context.Context, []owned) error, fault func(RowError)) error {
	r := &reading{Importer: i, take: take, fault: fault, above: make(map[digest]struct{})}
	last := 0
	// Whatever is wrong with one row is told before the next one begins.
	full := func(line int) error {
		if line == last || len(r.rows)+len(r.faults) < rowsAtOnce {
			last = line
			return nil
		}
		last = line
		return r.flush(ctx)
	}
	var failure error
	err := eachRow(file, i.Config, func(row Row) error {
		if err := cmp.Or(failure, full(row.Line)); err != nil {
			return err
		}
		r.put(row)
		return nil
	}, func(fault RowError) {
		if failure == nil {
			failure = full(fault.Line)
		}
		if fault.Line >= i.FromLine {
			r.faults = append(r.faults, fault)
		}
	})
	if err = cmp.Or(failure, err); err != nil {
		return err
	}
	return r.flush(ctx)
}

// put keeps a row for the next look-up, or passes over it.
func (r *reading) put(row Row) {
	row.Directory = cmp.Or(row.Directory, r.Directory)
	whom := digestOf(row.Directory, row.Person, strings.ToLower(row.Login))
	if row.Line < r.FromLine {
		r.above[whom] = struct{}{}
		return
	}
	if _, split := r.above[whom]; split {
		r.faults = append(r.faults, RowError{Line: row.Line, Column: columnLogin, Err: ErrAbove})
		return
	}
	if row.Directory == "" {
		r.faults = append(r.faults, RowError{Line: row.Line, Column: columnDirectory, Err: ErrNoDirectory})
		return
	}
	r.rows = append(r.rows, row)
}

// flush looks up whose the rows are.
func (r *reading) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	good := make([]owned, len(r.rows))
	for i, row := range r.rows {
		good[i] = owned{row: row}
	}
	byDirectory := make(map[string][]int)
	for i, row := range r.rows {
		byDirectory[row.Directory] = append(byDirectory[row.Directory], i)
	}
	for directory, at := range byDirectory {
		if err := r.resolve(ctx, directory, at, good); err != nil {
			return err
		}
	}
	good = slices.DeleteFunc(good, func(o owned) bool { return o.owner == Owner{} })
	slices.SortStableFunc(r.faults, func(a, b RowError) int { return cmp.Compare(a.Line, b.Line) })
	for _, fault := range r.faults {
		r.fault(fault)
	}
	r.rows, r.faults = r.rows[:0], r.faults[:0]
	return r.take(ctx, good)
}

// resolve finds the people of some rows of one directory.
func (r *reading) resolve(ctx context.Context, directory string, at []int, good []owned) error {
	var logins, persons []string
	var byLogin, byPerson []int
	for _, i := range at {
		if row := good[i].row; row.Person != "" {
			persons, byPerson = append(persons, row.Person), append(byPerson, i)
		} else {
			logins, byLogin = append(logins, row.Login), append(byLogin, i)
		}
	}
	found, err := r.ask(ctx, r.Resolver.Persons, directory, logins)
	if err == nil {
		for n, i := range byLogin {
			r.answer(&good[i], directory, found[n], columnLogin, ErrUnknownLogin)
		}
		found, err = r.ask(ctx, r.Resolver.Logins, directory, persons)
	}
	switch {
	case errors.Is(err, ErrUnknownDirectory):
		for _, i := range at {
			good[i].owner = Owner{}
			r.faults = append(r.faults, RowError{Line: good[i].row.Line, Column: columnDirectory, Err: ErrUnknownDirectory})
		}
		return nil
	case err != nil:
		return fmt.Errorf("look up the people of line %d and after: %w", good[at[0]].row.Line, err)
	}
	for n, i := range byPerson {
		if found[n] != "" {
			found[n] = good[i].row.Person
		}
		r.answer(&good[i], directory, found[n], "person", ErrUnknownPerson)
	}
	return nil
}

func (r *reading) ask(ctx context.Context, ask func(context.Context, string, []string) ([]string, error), directory string, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return ask(ctx, directory, names)
}

func (r *reading) answer(o *owned, directory, person, column string, otherwise error) {
	if person == "" {
		r.faults = append(r.faults, RowError{Line: o.row.Line, Column: column, Err: otherwise})
		return
	}
	o.owner = Owner{directory, person}
}
