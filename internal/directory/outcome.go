package directory

import (
	"errors"
	"slices"
	"strings"
)

// Reason says why the directory refused a password.
type Reason string

// The reasons that a directory gives.
const (
	TooShort         Reason = "too_short"
	TooLong          Reason = "too_long"
	InHistory        Reason = "in_history"
	Unchanged        Reason = "unchanged"
	TooYoung         Reason = "too_young"
	NotComplex       Reason = "not_complex"
	DirectoryRefused Reason = "directory_refused"
)

var (
	// ErrNotFound means that no entry, or more than one, was found.
	ErrNotFound = errors.New("no such person in the directory")
	// ErrUnavailable means that the directory could not be asked or did nothing.
	ErrUnavailable = errors.New("the directory is unavailable")
	// ErrChanged means that the password was changed since the person was read.
	ErrChanged = errors.New("the password was changed since the person was read")
	// ErrNotAllowed means that the service account may not write this password.
	ErrNotAllowed = errors.New("the directory does not allow the service account to reset this password")
)

// RefusedError means that the directory's policy refused the password. Nothing
// was written.
type RefusedError struct {
	Reasons []Reason
	// Detail is the directory's own code and text, for the operator's log.
	Detail string
}

// only reports whether there is one reason and no other.
func (e *RefusedError) only(reason Reason) bool { return slices.Equal(e.Reasons, []Reason{reason}) }

func (e *RefusedError) Error() string {
	texts := make([]string, len(e.Reasons))
	for i, reason := range e.Reasons {
		texts[i] = string(reason)
	}
	return "the directory refused the password: " + strings.Join(texts, ", ")
}

// IncompleteError means that the password is written and what belongs to it,
// such as must_change, is not. [Directory.Settle] tries that again.
type IncompleteError struct {
	// Operation is what is missing.
	Operation Operation
	Err       error
}

func (e *IncompleteError) Error() string {
	return "the password is written, but not " + string(e.Operation) + ": " + e.Err.Error()
}

func (e *IncompleteError) Unwrap() error { return e.Err }

// UnfinishedError means that the password of before is dead and the new one is
// not set: the second half of [TemporaryFirst] was refused, or did not come to an
// end. Nobody knows the password in between, so that the person has to be led on
// to a password that is taken. Err says what became of the second half, with the
// outcomes of this package.
type UnfinishedError struct {
	// ChangeStamp is the stamp of the password in between; it may be used for the
	// next try as if it had been read.
	ChangeStamp string
	Err         error
}

func (e *UnfinishedError) Error() string {
	return "the password before is replaced, and the new one not set: " + e.Err.Error()
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// UnknownError means that the write may or may not have happened: the request
// may have left and no answer came.
type UnknownError struct {
	// Server is the address that must be asked.
	Server string
	// Generated tells that the server answered with a password of its own
	// making: what was written is then not the password that was sent.
	Generated bool
	Err       error
}

func (e *UnknownError) Error() string {
	return "the outcome of the password write is unknown: " + e.Err.Error()
}

func (e *UnknownError) Unwrap() error { return e.Err }
