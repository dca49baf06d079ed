package contact

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What may be wrong with a line of JSON.
var (
	// ErrJSON means that a line is not one object of the known fields.
	ErrJSON = errors.New("the line is not one JSON object with login or person, and directory, email, mobile or contacts")
	// ErrLineTooLong means that a line is longer than any that is meant.
	ErrLineTooLong = errors.New("the line is too long")
	// ErrTwoNames means that a line names the person twice.
	ErrTwoNames = errors.New("login and person both stand there: one of them says whose contacts these are")
)

// maxLine is the longest line of JSON.
const maxLine = 1 << 20

// jsonLine is one person as `contacts export --json` prints them, or with a
// login instead of the id. Whoever brought a contact once, and when, is read over.
type jsonLine struct {
	Directory string `json:"directory"`
	Person    string `json:"person"`
	Login     string `json:"login"`
	Email     texts  `json:"email"`
	Mobile    texts  `json:"mobile"`
	Contacts  []struct {
		Kind    Kind      `json:"kind"`
		Value   string    `json:"value"`
		Source  Source    `json:"source"`
		AddedAt time.Time `json:"added_at"`
		// Unverified contacts, and those that rest, are read over: a file neither
		// verifies them nor wakes them up.
		Unverified   bool         `json:"unverified"`
		UsableFrom   time.Time    `json:"usable_from"`
		Confirmation Confirmation `json:"confirmation"`
	} `json:"contacts"`
}

// texts is one text or a list of them.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte{'['}) {
		return json.Unmarshal(b, (*[]string)(t))
	}
	var one string
	err := json.Unmarshal(b, &one)
	*t = texts{one}
	return err
}

// looksLikeJSON: no header of CSV begins so.
func (p *parser) looksLikeJSON() bool {
	for n := 1; n <= p.text.Size(); n++ {
		begin, err := p.text.Peek(n)
		if err != nil {
			return false
		}
		if last := begin[n-1]; last != ' ' && last != '\t' && last != '\r' && last != '\n' {
			return last == '{'
		}
	}
	return false
}

func (p *parser) jsonRows() error {
	for line := 1; ; line++ {
		text, err := readLine(p.text)
		if err != nil && err != io.EOF && !errors.Is(err, ErrLineTooLong) {
			return fmt.Errorf("%w: %w", ErrRead, err)
		}
		p.faults = 0
		switch {
		case errors.Is(err, ErrLineTooLong):
			p.fault(line, "", err)
		case len(bytes.TrimSpace(text)) > 0:
			if err := p.jsonRow(line, text); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// readLine reads a line; of one that is too long it reads over the rest.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxLine; !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case long && (err == nil || err == io.EOF):
			return nil, ErrLineTooLong
		default:
			return line, err
		}
	}
}

func (p *parser) jsonRow(line int, text []byte) error {
	if !utf8.Valid(text) {
		p.fault(line, "", ErrEncoding)
		return nil
	}
	var read jsonLine
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	// What the decoder says might quote the line.
	if decoder.Decode(&read) != nil || decoder.More() {
		p.fault(line, "", ErrJSON)
		return nil
	}
	if strings.ContainsFunc(read.Directory+read.Person+read.Login, unicode.IsControl) {
		p.fault(line, "", ErrControl)
		return nil
	}
	row := Row{Line: line, Directory: read.Directory, Login: read.Login, Person: read.Person}
	if read.Person != "" && read.Login != "" {
		p.fault(line, columnLogin, ErrTwoNames)
	}
	add := func(kind Kind, value string) {
		if normal := p.contact(line, string(kind), kind, value); normal != "" {
			row.Others = append(row.Others, Address{Kind: kind, Value: normal})
		}
	}
	for _, value := range read.Email {
		add(Email, value)
	}
	for _, value := range read.Mobile {
		add(Mobile, value)
	}
	passedOver := false
	for _, c := range read.Contacts {
		if c.Unverified || !c.UsableFrom.IsZero() {
			passedOver = true
			continue
		}
		if c.Kind != Email && c.Kind != Mobile {
			p.fault(line, "contacts", ErrJSON)
			continue
		}
		add(c.Kind, c.Value)
	}
	if passedOver && len(row.cells()) == 0 && p.faults == 0 {
		return nil
	}
	return p.end(row)
}
