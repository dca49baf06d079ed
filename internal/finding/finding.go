// Package finding owns the form of what an examination says: one line for each
// thing that was looked at, whether it is in order, and how to mend it.
//
// Rules:
//   - Each check of a piece has a line, in the same order each time; what could
//     not be looked at says why.
//   - A fix is text for a POSIX shell that may be pasted as it stands. What is
//     for people begins with #. Names of the directory stand in it quoted.
//   - No finding and no fix holds a secret, a login or a contact. What servers
//     say may be in it; whoever prints it makes it inert.
package finding

import (
	"fmt"
	"slices"
)

// State tells whether a thing is in order.
type State string

// The states, from the best to the worst.
const (
	// Skipped: not looked at, or not to be had here; the finding says why.
	Skipped State = "skipped"
	// Good: in order.
	Good State = "ok"
	// Warning: it works, and should be otherwise.
	Warning State = "warning"
	// Failed: it does not work, or is not safe.
	Failed State = "failed"
)

func (s State) worse(than State) bool {
	order := []State{Skipped, Good, Warning, Failed}
	return slices.Index(order, s) > slices.Index(order, than)
}

// Finding is one line.
type Finding struct {
	// Piece is what was examined, such as one server.
	Piece string `json:"piece"`
	// Check is what was looked at.
	Check   string `json:"check"`
	State   State  `json:"state"`
	Finding string `json:"finding"`
	// Fix is empty where there is nothing to mend.
	Fix string `json:"fix,omitempty"`
}

// Sheet collects the findings of one piece. It is not safe for concurrent use.
type Sheet struct {
	// Look is a command that shows the piece's certificates.
	Look string

	rows []Finding
}

// NewSheet returns a sheet on which nothing was looked at yet.
func NewSheet(piece string, checks ...string) *Sheet {
	s := &Sheet{}
	for _, check := range checks {
		s.rows = append(s.rows, Finding{Piece: piece, Check: check})
	}
	return s
}

// Good notes that something is in order.
func (s *Sheet) Good(check, format string, args ...any) {
	s.note(check, Good, fmt.Sprintf(format, args...), "")
}

// Warn notes what works and should be otherwise.
func (s *Sheet) Warn(check, finding, fix string) { s.note(check, Warning, finding, fix) }

// Fail notes what does not work, or is not safe.
func (s *Sheet) Fail(check, finding, fix string) { s.note(check, Failed, finding, fix) }

// Skip notes why something is not looked at; fix is how it could be.
func (s *Sheet) Skip(check, why, fix string) { s.note(check, Skipped, why, fix) }

// note keeps all that was found of a check, and of its states the worst.
func (s *Sheet) note(check string, state State, finding, fix string) {
	at := slices.IndexFunc(s.rows, func(f Finding) bool { return f.Check == check })
	if at < 0 {
		panic("finding: no such check: " + check) // a fault of this program
	}
	row := &s.rows[at]
	if row.State == "" {
		row.State, row.Finding, row.Fix = state, finding, fix
		return
	}
	if state.worse(row.State) {
		row.State = state
	}
	row.Finding += "; " + finding
	if fix != "" && row.Fix != "" && fix != row.Fix {
		fix = row.Fix + "\n" + fix
	}
	if fix != "" {
		row.Fix = fix
	}
}

// Told reports whether anything was noted of a check.
func (s *Sheet) Told(check string) bool {
	return slices.ContainsFunc(s.rows, func(f Finding) bool { return f.Check == check && f.State != "" })
}

// Findings returns all lines; those of which nothing was noted say why not.
func (s *Sheet) Findings(otherwise string) []Finding {
	rows := slices.Clone(s.rows)
	for i := range rows {
		if rows[i].State == "" {
			rows[i].State, rows[i].Finding = Skipped, otherwise
		}
	}
	return rows
}

// Worst returns the worst state of some findings.
func Worst(findings []Finding) State {
	worst := Skipped
	for _, f := range findings {
		if f.State.worse(worst) {
			worst = f.State
		}
	}
	return worst
}
