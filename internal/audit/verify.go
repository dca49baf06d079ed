package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"latchkey/internal/keyring"
)

// Report is what was verified.
type Report struct {
	Instance string `json:"instance"`
	Files    int    `json:"files"`
	Lines    uint64 `json:"lines"`
	// First and Last are the numbers of the first and last line; lines before
	// First expired.
	First uint64    `json:"first"`
	Last  uint64    `json:"last"`
	From  time.Time `json:"from,omitzero"`
	To    time.Time `json:"to,omitzero"`
	// Unfinished is how many bytes follow the last line: one that is being
	// written just now, or was when the instance died.
	Unfinished int64 `json:"unfinished,omitempty"`
}

// Verify checks the whole chain in a directory, also while it is written to.
// The error is a [BrokenError] with the first place that is wrong, and the
// report tells of what is before it.
func Verify(dir string, keys *keyring.Ring) (Report, error) {
	// The head is read first: lines that are added meanwhile come after it.
	known, found, ok, err := readHead(dir, func(text []byte) (head, bool) { return decodeHead(text, keys) })
	if err != nil {
		return Report{}, err
	}
	files, err := segments(dir)
	if err != nil {
		return Report{}, err
	}
	if !found && len(files) == 0 {
		return Report{}, fmt.Errorf("%s: no audit there: %w", dir, os.ErrNotExist)
	}
	w := &walk{
		dir: dir, chain: chain{keys: keys, hash: beginning}, head: known, strict: true,
		joined: len(files) > 0 && files[0].first == 1, place: BrokenError{File: headName},
	}
	for i, file := range files {
		if i == 0 && !w.joined {
			w.chain.sequence = max(file.first, 1) - 1
		}
		w.report.Files++
		if err := w.file(file); err != nil {
			return w.report, err
		}
	}
	if !ok {
		return w.report, &BrokenError{File: headName, Problem: headProblem(found)}
	}
	if err := w.end(); err != nil {
		return w.report, err
	}
	if len(files) > 0 && w.through < files[0].first-1 {
		return w.report, &BrokenError{
			File: files[0].name, Line: 1,
			Problem: fmt.Sprintf("is number %d, and no line says that those before it expired", files[0].first),
		}
	}
	w.report.Unfinished = w.torn
	return w.report, nil
}

// walk goes along the chain from file to file.
type walk struct {
	dir   string
	chain chain
	head  head
	// strict means that only a line without its line break may be unfinished.
	// Otherwise that holds for all that does not verify behind the head: after
	// a loss of power the pages of an unfinished write may be there in part.
	strict bool
	// joined means that the line before the next one is known.
	joined bool

	// place is where the next line is expected.
	place BrokenError
	// size and day are of the last file, as in writer; torn is how many bytes
	// follow its last line.
	size int64
	day  string
	torn int64
	// through is the last line that expired.
	through uint64
	report  Report
}

// file walks along one file.
func (w *walk) file(s segment) error {
	if w.torn > 0 {
		return w.broken("is not whole, and another file follows")
	}
	w.place, w.size, w.day = BrokenError{File: s.name}, 0, ""
	if s.first != w.chain.sequence+1 {
		return w.broken(fmt.Sprintf("begins with line number %d where %d must follow: a file is missing, or lines at the end of the one before", s.first, w.chain.sequence+1))
	}
	path := filepath.Join(w.dir, s.name)
	w.place.Line = 1
	size, err := eachLine(path, func(text []byte) error {
		if err := w.line(text); err != nil {
			return err
		}
		w.place.Line++
		return nil
	})
	w.size = size
	broken, isBroken := errors.AsType[*BrokenError](err)
	switch {
	case err == nil:
		return nil
	case isBroken && (w.strict || w.chain.sequence < w.head.sequence):
		return broken
	case !isBroken && !errors.Is(err, errTorn):
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the audit: %w", err)
	}
	w.torn = info.Size() - size
	return nil
}

// line checks one line.
func (w *walk) line(text []byte) error {
	if !w.joined {
		var first Line
		if json.Unmarshal(text, &first) == nil {
			w.chain.hash = first.Previous
		}
		w.joined = true
	}
	line, problem := w.chain.check(text)
	if problem == "" && line.Sequence == w.head.sequence && line.Hash != w.head.hash {
		problem = "is not the line that the head names"
	}
	if problem != "" {
		return w.broken(problem)
	}
	if w.day == "" {
		w.day = dayOf(line.Time)
	}
	if line.Kind == Expired {
		w.through = max(w.through, line.Through)
	}
	if w.report.Lines == 0 {
		w.report.Instance, w.report.First, w.report.From = line.Instance, line.Sequence, line.Time
	}
	w.report.Lines++
	w.report.Last, w.report.To = line.Sequence, line.Time
	return nil
}

// end checks that the chain reaches as far as the head says.
func (w *walk) end() error {
	if w.chain.sequence < w.head.sequence {
		return w.broken(fmt.Sprintf("is missing or not whole: the audit ends with number %d, and there were %d: its end was cut off", w.chain.sequence, w.head.sequence))
	}
	return nil
}

func (w *walk) broken(problem string) error {
	place := w.place
	place.Problem = problem
	return &place
}
