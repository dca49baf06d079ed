package support

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"latchkey/internal/contact"
	"latchkey/resetapi/delivery"
)

// The most that is taken of each field, in characters.
const (
	MaxName    = 100
	MaxPhone   = 40
	MaxEmail   = 254
	MaxMessage = 1000
)

// Request is what somebody who gets no further asks of support.
type Request struct {
	// Name, Phone, Email and Message are as they were typed. Name is required,
	// and one of Phone and Email.
	Name, Phone, Email, Message string
	// Recovery is the id of the recovery in the browser, if there is one; it must
	// have been checked.
	Recovery string
	// Language is that of the page, as a BCP 47 tag.
	Language string
	// Browser names the browser roughly, in words of ours.
	Browser string
}

// Fault is something that is wrong with a request.
type Fault string

// The faults of requests.
const (
	NameMissing    Fault = "name_missing"
	NameTooLong    Fault = "name_too_long"
	PhoneOdd       Fault = "phone_odd"
	EmailOdd       Fault = "email_odd"
	NoWayBack      Fault = "no_way_back"
	MessageTooLong Fault = "message_too_long"
)

// Field is the field that a fault is about: name, phone, email or message.
func (f Fault) Field() string {
	switch f {
	case NameMissing, NameTooLong:
		return "name"
	case EmailOdd:
		return "email"
	case MessageTooLong:
		return "message"
	default:
		return "phone"
	}
}

// FaultsError means that a request cannot be taken as it is.
type FaultsError struct{ Faults []Fault }

func (e *FaultsError) Error() string {
	texts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		texts[i] = string(f)
	}
	return "the request for help is not complete: " + strings.Join(texts, ", ")
}

// clean returns the request without anything that could act instead of being
// read.
func (r Request) clean() Request {
	r.Name, r.Phone, r.Email, r.Message = oneLine(r.Name), oneLine(r.Phone), oneLine(r.Email), lines(r.Message)
	return r
}

// faults are those of a clean request, in the order of the fields.
func (r Request) faults() []Fault {
	var faults []Fault
	add := func(wrong bool, f Fault) {
		if wrong {
			faults = append(faults, f)
		}
	}
	add(r.Name == "", NameMissing)
	add(utf8.RuneCountInString(r.Name) > MaxName, NameTooLong)
	add(r.Phone == "" && r.Email == "", NoWayBack)
	add(r.Phone != "" && !isPhone(r.Phone), PhoneOdd)
	_, err := contact.NormalEmail(r.Email)
	add(r.Email != "" && err != nil, EmailOdd)
	add(utf8.RuneCountInString(r.Message) > MaxMessage, MessageTooLong)
	return faults
}

func (r Request) caller() delivery.Caller {
	email, _ := contact.NormalEmail(r.Email) // empty, or without a fault
	return delivery.Caller{Name: r.Name, Phone: r.Phone, Email: email, Message: r.Message}
}

// isPhone holds a number to what telephones can dial, with the signs that people
// put between. Whether it exists is not our matter.
func isPhone(s string) bool {
	const fewest = 3
	digits := 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case !strings.ContainsRune("+-/() ", r):
			return false
		}
	}
	return digits >= fewest && len(s) <= MaxPhone
}

// oneLine turns a text into a line without anything that is not printed.
func oneLine(s string) string { return strings.Join(strings.Fields(lines(s)), " ") }

// lines turns a text into lines without anything that is not printed: controls,
// and format characters, by which a text can look like another one.
func lines(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\t", " ").Replace(strings.ToValidUTF8(s, ""))
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		default:
			return -1
		}
	}, s)
	return strings.TrimSpace(s)
}
