package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Lines returns all lines of a directory in the order of the chain, as they
// stand there: whether they are true, [Verify] tells. What is no line is left
// out.
func Lines(dir string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		files, err := segments(dir)
		if err != nil {
			yield(Line{}, err)
			return
		}
		errStopped := errors.New("stopped")
		for _, file := range files {
			_, err := eachLine(filepath.Join(dir, file.name), func(text []byte) error {
				var line Line
				if json.Unmarshal(text, &line) == nil && !yield(line, nil) {
					return errStopped
				}
				return nil
			})
			switch {
			case errors.Is(err, errStopped):
				return
			case err != nil && !errors.Is(err, errTorn):
				yield(Line{}, err)
				return
			}
		}
	}
}

// Filter chooses lines. What is empty chooses all.
type Filter struct {
	Kind, Recovery, Directory, Person string
	// From is the first moment, To the one after the last.
	From, To time.Time
	// whole are recoveries of the person; all lines of them fit, also those from
	// before it was known whose recovery it is.
	whole map[string]bool
}

// Fits reports whether a line is chosen.
func (f Filter) Fits(l Line) bool {
	fits := func(want, got string) bool { return want == "" || want == got }
	theirs := fits(f.Directory, l.Directory) && fits(f.Person, l.Person) || l.Person == "" && f.whole[l.Recovery]
	return theirs && fits(f.Kind, l.Kind) && fits(f.Recovery, l.Recovery) &&
		!l.Time.Before(f.From) && (f.To.IsZero() || l.Time.Before(f.To))
}

// Search returns what fits in the files of a directory, and in the tail what
// other instances wrote, in the order of time. Of a person it returns also the
// lines of their recoveries that do not name them. tail may be nil. When the tail
// cannot be read, the lines of the files are returned with the error.
func Search(ctx context.Context, dir string, tail *Tail, f Filter) ([]Line, error) {
	if f.Person != "" {
		f.whole = make(map[string]bool)
		// A tail that cannot be read is reported below.
		theirs, _ := search(ctx, dir, tail, Filter{Directory: f.Directory, Person: f.Person})
		for _, line := range theirs {
			if line.Recovery != "" {
				f.whole[line.Recovery] = true
			}
		}
	}
	return search(ctx, dir, tail, f)
}

func search(ctx context.Context, dir string, tail *Tail, f Filter) ([]Line, error) {
	type place struct {
		instance string
		sequence uint64
	}
	var found []Line
	seen := make(map[place]bool)
	add := func(line Line) {
		at := place{line.Instance, line.Sequence}
		if f.Fits(line) && !seen[at] {
			seen[at] = true
			found = append(found, line)
		}
	}
	for line, err := range Lines(dir) {
		if errors.Is(err, os.ErrNotExist) && tail != nil {
			break // a machine where no instance runs
		}
		if err != nil {
			return nil, err
		}
		add(line)
	}
	var err error
	if tail != nil {
		err = tail.Each(ctx, func(line Line) error {
			add(line)
			return nil
		})
	}
	slices.SortStableFunc(found, func(a, b Line) int { return a.Time.Compare(b.Time) })
	if err != nil {
		return found, fmt.Errorf("search what other instances wrote: %w", err)
	}
	return found, nil
}
