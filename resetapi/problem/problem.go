// Package problem is the one place where errors become answers. The API writes
// a [Problem] as a problem document (RFC 9457); the pages turn its type into a
// sentence. An error that is not known here is an internal one: its text goes
// to the log and never to a person.
package problem

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/store"
	"latchkey/resetapi/change"
	"latchkey/resetapi/recovery"
)

// Type is the last part of a problem's type URI, "urn:latchkey:problem:" in
// front, and the key of its sentence on the pages.
type Type string

// The types of problems.
const (
	BadRequest      Type = "bad_request"
	NoRecovery      Type = "no_recovery"
	NotNow          Type = "not_now"
	TooSoon         Type = "too_soon"
	NoMoreCodes     Type = "no_more_codes"
	WrongCode       Type = "wrong_code"
	PasswordRefused Type = "password_refused"
	WrongCredential Type = "wrong_credentials"
	CannotUnlock    Type = "cannot_unlock"
	NotAllowed      Type = "not_allowed"
	Ended           Type = "ended"
	Limited         Type = "limited"
	Unavailable     Type = "unavailable"
	ChannelFrozen   Type = "channel_frozen"
	NotFound        Type = "not_found"
	MethodNotAllow  Type = "method_not_allowed"
	TooLarge        Type = "too_large"
	Misdirected     Type = "misdirected"
	CrossOrigin     Type = "cross_origin"
	MediaType       Type = "unsupported_media_type"
	Internal        Type = "internal"
)

// Problem is an error as a caller may see it.
type Problem struct {
	Type   Type
	Title  string
	Status int
	Detail string
	// RetryAfter is when asking again makes sense; zero for never.
	RetryAfter time.Duration
	// Reasons say why a password was refused.
	Reasons []string
	// End says why a recovery ended.
	End recovery.End
	// TriesLeft is how many guesses a code has left; -1 where that is no matter.
	TriesLeft int
}

// RequestError is a request that is wrong in itself; it becomes a problem of
// its Type with Detail shown to the caller.
type RequestError struct {
	Type   Type
	Detail string
}

func (e *RequestError) Error() string { return string(e.Type) + ": " + e.Detail }

var table = map[Type]struct {
	status int
	title  string
}{
	BadRequest:      {http.StatusBadRequest, "The request is not well-formed"},
	NoRecovery:      {http.StatusUnauthorized, "No such recovery, or not yours"},
	NotNow:          {http.StatusConflict, "Not possible at this point of the recovery"},
	TooSoon:         {http.StatusConflict, "Another code can be asked for a little later"},
	NoMoreCodes:     {http.StatusConflict, "No more codes can be sent in this recovery"},
	WrongCode:       {http.StatusUnprocessableEntity, "That code is not right"},
	WrongCredential: {http.StatusUnprocessableEntity, "The login or the current password is not right, or it cannot be changed here"},
	CannotUnlock:    {http.StatusForbidden, "This account cannot be unlocked here"},
	PasswordRefused: {http.StatusUnprocessableEntity, "The password was refused"},
	NotAllowed:      {http.StatusForbidden, "This password cannot be reset here"},
	Ended:           {http.StatusGone, "The recovery has ended"},
	Limited:         {http.StatusTooManyRequests, "Too many attempts"},
	Unavailable:     {http.StatusServiceUnavailable, "Temporarily unavailable"},
	ChannelFrozen:   {http.StatusServiceUnavailable, "No codes are sent in this way at the moment"},
	NotFound:        {http.StatusNotFound, "There is nothing here"},
	MethodNotAllow:  {http.StatusMethodNotAllowed, "This method is not allowed here"},
	TooLarge:        {http.StatusRequestEntityTooLarge, "The request is too large"},
	Misdirected:     {http.StatusMisdirectedRequest, "This server does not answer for that name"},
	CrossOrigin:     {http.StatusForbidden, "The request came from another site"},
	MediaType:       {http.StatusUnsupportedMediaType, "Send application/json"},
	Internal:        {http.StatusInternalServerError, "Something went wrong here"},
}

// Of returns the problem of a type, with a detail.
func Of(t Type, detail string) Problem {
	row := table[t]
	return Problem{Type: t, Title: row.title, Status: row.status, Detail: detail, TriesLeft: -1}
}

// From turns any error into a problem.
func From(err error) Problem {
	if e, ok := errors.AsType[*RequestError](err); ok {
		return Of(e.Type, e.Detail)
	}
	if e, ok := errors.AsType[*recovery.WrongCodeError](err); ok {
		p := Of(WrongCode, "Check the digits, or ask for another code.")
		p.TriesLeft = e.TriesLeft
		return p
	}
	if e, ok := errors.AsType[*recovery.RefusedError](err); ok {
		p := Of(PasswordRefused, "Choose another password.")
		p.Reasons = e.Reasons
		return p
	}
	if e, ok := errors.AsType[*recovery.EndedError](err); ok {
		return ended(e.End)
	}
	if e, ok := errors.AsType[*recovery.LimitedError](err); ok {
		p := Of(Limited, "Wait a while, then try again.")
		p.RetryAfter = e.RetryAfter
		return p
	}
	return fromSentinel(err)
}

func ended(end recovery.End) Problem {
	p := Of(Ended, "Start again to get another code.")
	if end == recovery.NotAllowed {
		p = Of(NotAllowed, "The directory does not allow it. Contact your administrator.")
	}
	p.End = end
	return p
}

func fromSentinel(err error) Problem {
	switch {
	case errors.Is(err, recovery.ErrBadLogin):
		return Of(BadRequest, "A login has 1 to 256 bytes and no control characters.")
	case errors.Is(err, recovery.ErrNoRecovery):
		return Of(NoRecovery, "Start a recovery first, and show its token.")
	case errors.Is(err, recovery.ErrNotNow):
		return Of(NotNow, "Ask for the recovery's state and go on from there.")
	case errors.Is(err, recovery.ErrCannotUnlock):
		return Of(CannotUnlock, "Nothing was changed. A new password can still be set.")
	case errors.Is(err, change.ErrWrong):
		return Of(WrongCredential, "Check both, or reset the password if it is forgotten.")
	case errors.Is(err, recovery.ErrTooSoon):
		return Of(TooSoon, "Wait for the code that was sent, it may take a minute.")
	case errors.Is(err, recovery.ErrNoMoreCodes):
		return Of(NoMoreCodes, "Use the last code that was sent, or start again.")
	case errors.Is(err, recovery.ErrChannelFrozen):
		p := Of(ChannelFrozen, "Nothing was sent. Use another method, or try again later.")
		p.RetryAfter = time.Minute
		return p
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, directory.ErrUnavailable), errors.Is(err, recovery.ErrBusy),
		errors.Is(err, recovery.ErrFrozen), errors.Is(err, audit.ErrUnwritable):
		p := Of(Unavailable, "Nothing was changed. Try again in a moment.")
		p.RetryAfter = 5 * time.Second
		return p
	default:
		return Of(Internal, "")
	}
}

// RetrySeconds is the value of Retry-After: whole seconds, rounded up.
func (p Problem) RetrySeconds() string {
	return strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds())))
}

// Write answers with the problem document. instance is the request's id.
func (p Problem) Write(w http.ResponseWriter, instance string) {
	document := struct {
		Type      string       `json:"type"`
		Title     string       `json:"title"`
		Status    int          `json:"status"`
		Detail    string       `json:"detail,omitempty"`
		Instance  string       `json:"instance,omitempty"`
		Reasons   []string     `json:"reasons,omitempty"`
		End       recovery.End `json:"end,omitempty"`
		TriesLeft *int         `json:"tries_left,omitempty"`
	}{
		"urn:latchkey:problem:" + string(p.Type), p.Title, p.Status, p.Detail, instance, p.Reasons, p.End, nil,
	}
	if p.TriesLeft >= 0 {
		document.TriesLeft = &p.TriesLeft
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	if p.RetryAfter > 0 {
		header.Set("Retry-After", p.RetrySeconds())
	}
	if p.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="recovery"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(document)
}
