package contact

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// check is the first reading of a file: it counts, and finds out who is in it at
// several places.
type check struct {
	*Importer
	result Result
	// seen are all people, scattered those whose rows do not follow each other.
	seen, scattered map[digest]struct{}
	// held tells the first holder of a contact.
	held map[digest]digest
	last digest
	bad  int // the line of the last fault
}

func newCheck(i *Importer) *check {
	return &check{Importer: i, seen: make(map[digest]struct{}), scattered: make(map[digest]struct{}), held: make(map[digest]digest)}
}

func (c *check) fault(fault RowError) {
	if fault.Line != c.bad {
		c.bad = fault.Line
		c.result.Bad++
		c.result.Rows++
	}
	tell(&c.result.Errors, c.Fault, fault)
}

func tell(all *[]RowError, also func(RowError), one RowError) {
	if len(*all) < maxToldRows {
		*all = append(*all, one)
	}
	if also != nil {
		also(one)
	}
}

func (c *check) take(_ context.Context, rows []owned) error {
	for _, o := range rows {
		c.result.Rows++
		person := digestOf(o.owner.Directory, o.owner.Person)
		switch _, seen := c.seen[person]; {
		case !seen:
			c.seen[person] = struct{}{}
			c.result.People++
		case person != c.last:
			c.scattered[person] = struct{}{}
		}
		c.last = person
		for _, cell := range o.row.cells() {
			value := digestOf(string(cell.value.Kind), cell.value.Value)
			holder, held := c.held[value]
			switch {
			case held && holder == person:
				continue
			case held:
				tell(&c.result.Warnings, c.Warning, RowError{Line: o.row.Line, Column: cell.column, Err: ErrShared})
			default:
				c.held[value] = person
			}
			c.result.Contacts++
		}
	}
	if c.Progress != nil {
		c.Progress(false, c.result.Rows)
	}
	return nil
}

// imported is one person's part of a file.
type imported struct {
	owner  Owner
	line   int // the first one
	values []Address
}

func (o *imported) add(row Row) {
	for _, cell := range row.cells() {
		if !slices.Contains(o.values, cell.value) {
			o.values = append(o.values, cell.value)
		}
	}
}

// rowWriter is the second reading of a file.
type rowWriter struct {
	*Importer
	result *Result
	// scattered people wait until all their rows were read.
	scattered map[digest]struct{}
	waiting   []*imported
	waits     map[Owner]*imported

	batch []*imported
	rows  int
}

func (w *rowWriter) take(ctx context.Context, rows []owned) error {
	for _, o := range rows {
		if err := w.put(ctx, o); err != nil {
			return err
		}
	}
	if w.rows += len(rows); w.Progress != nil {
		w.Progress(true, w.rows)
	}
	return nil
}

func (w *rowWriter) put(ctx context.Context, o owned) error {
	if len(w.scattered) > 0 {
		if _, scattered := w.scattered[digestOf(o.owner.Directory, o.owner.Person)]; scattered {
			w.wait(o)
			return nil
		}
	}
	if n := len(w.batch); n > 0 && w.batch[n-1].owner == o.owner {
		w.batch[n-1].add(o.row)
		return nil
	}
	// Whoever has rows further down is among the scattered.
	if len(w.batch) >= batch {
		if err := w.write(ctx, w.batch); err != nil {
			return err
		}
		w.batch = w.batch[:0]
	}
	one := &imported{owner: o.owner, line: o.row.Line}
	one.add(o.row)
	w.batch = append(w.batch, one)
	return nil
}

func (w *rowWriter) wait(o owned) {
	if w.waits == nil {
		w.waits = make(map[Owner]*imported)
	}
	one := w.waits[o.owner]
	if one == nil {
		one = &imported{owner: o.owner, line: o.row.Line}
		w.waits[o.owner] = one
		w.waiting = append(w.waiting, one)
	}
	one.add(o.row)
}

// end writes what is left.
func (w *rowWriter) end(ctx context.Context) error {
	if err := w.write(ctx, w.batch); err != nil {
		return err
	}
	w.batch = nil
	for some := range slices.Chunk(w.waiting, batch) {
		if err := w.write(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// stopped tells where to go on.
func (w *rowWriter) stopped() {
	if len(w.scattered) == 0 && len(w.batch) > 0 {
		w.result.NextLine = w.batch[0].line
	}
}

// write brings the contacts of some people into their cards.
// A batch is short and is not broken off, so that it is known who was changed.
func (w *rowWriter) write(ctx context.Context, some []*imported) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	now := time.Now().UTC().Truncate(time.Second)
	byDirectory := make(map[string][]*imported)
	for _, one := range some {
		byDirectory[one.owner.Directory] = append(byDirectory[one.owner.Directory], one)
	}
	var owners []Owner
	for directory, all := range byDirectory {
		persons, changed, altered := make([]string, len(all)), make([]bool, len(all)), make([]*Alteration, len(all))
		for i, one := range all {
			persons[i] = one.owner.Person
		}
		err := w.Store.UpdateAll(ctx, directory, persons, func(i int, c *Card) bool {
			before := *c
			before.Person = persons[i]
			c.Contacts = c.Replaced(Imported, all[i].values, now)
			changed[i], altered[i] = !slices.Equal(before.Contacts, c.Contacts), Altered(directory, before, *c)
			return changed[i]
		})
		if err != nil {
			return fmt.Errorf("write the contacts of line %d and after: %w", all[0].line, err)
		}
		for i, one := range all {
			if changed[i] {
				owners = append(owners, one.owner)
			}
			if altered[i] != nil && w.Altered != nil {
				w.Altered(*altered[i])
			}
		}
	}
	w.result.Changed += len(owners)
	if w.Written == nil || len(owners) == 0 {
		return nil
	}
	return w.Written(ctx, owners)
}
