package main

import (
	"context"
	"io"
)

// The exit codes; exitCodes tells people what they mean.
const (
	exitDone        = 0
	exitFailed      = 1
	exitMisused     = 2
	exitNo          = 3
	exitInterrupted = 130
)

// exitCodes is the table that the help and docs/cli.md show.
var exitCodes = [...]struct {
	code    int
	meaning string
}{
	{exitDone, "done; or yes, all is in order"},
	{exitFailed, "it could not be done; the message says why, and what to do"},
	{exitMisused, "it was called in a wrong way"},
	{exitNo, "it was done, and the answer is no, or something is not in order"},
	{exitInterrupted, "it was interrupted, and can be run again"},
}

// usageError is a wrong use that the parser cannot see.
type usageError string

func (e usageError) Error() string { return string(e) }

// noError is the answer no of a command that asks. It needs no text where the
// command has printed its answer.
type noError struct{ err error }

func (e *noError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *noError) Unwrap() error { return e.err }

// no makes an error the answer no; nil stands for an answer that was printed.
func no(err error) error { return &noError{err} }

// stoppedError says how far a command came before it was interrupted.
type stoppedError string

func (e stoppedError) Error() string { return string(e) }

// Is makes it an interruption.
func (e stoppedError) Is(target error) bool { return target == context.Canceled }

// patientReader ends a Read that waits, such as for a person at a keyboard, when
// the context ends.
type patientReader struct {
	ctx context.Context
	in  io.Reader
}

// Read implements io.Reader. The slice is the caller's again only when nothing
// reads into it any more, so it gets a copy.
func (r patientReader) Read(b []byte) (int, error) {
	type outcome struct {
		text []byte
		err  error
	}
	read := make(chan outcome, 1)
	go func() {
		text := make([]byte, len(b))
		n, err := r.in.Read(text)
		read <- outcome{text[:n], err}
	}()
	select {
	case got := <-read:
		return copy(b, got.text), got.err
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
}

// printer is the standard output. It remembers that something could not be
// written, so that nobody takes half a list for the whole.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) Write(b []byte) (int, error) {
	n, err := p.out.Write(b)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n, err
}
