package contact

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The columns of a file of contacts.
const (
	columnLogin     = "login"
	columnEmail     = "email"
	columnMobile    = "mobile"
	columnDirectory = "directory"
)

// Row is one good row of a file, its contacts in normal form. A cell that was
// empty is empty.
type Row struct {
	Line                            int
	Directory, Login, Email, Mobile string
	// Person is the permanent id where it stands instead of the login, and Others
	// are further contacts: only JSON Lines have them.
	Person string
	Others []Address
}

// cells are the contacts of a row with the columns that they stand in.
func (r Row) cells() []cell {
	var all []cell
	for _, one := range append([]Address{{Kind: Email, Value: r.Email}, {Kind: Mobile, Value: r.Mobile}}, r.Others...) {
		if one.Value != "" {
			all = append(all, cell{string(one.Kind), one})
		}
	}
	return all
}

type cell struct {
	column string
	value  Address
}

// RowError is what is wrong with one cell of a file, or with a whole row where
// Column is empty. It does not repeat what stands there.
type RowError struct {
	Line   int
	Column string
	Err    error
}

func (e RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("line %d, %s: %v", e.Line, e.Column, e.Err)
}

// Unwrap returns why.
func (e RowError) Unwrap() error { return e.Err }

// What may be wrong with a file.
var (
	// ErrHeader means that the first line does not name the columns, so that
	// nothing can be told of the others.
	ErrHeader = errors.New("the first line of the file must name the columns, separated by commas: login, then email or mobile or both, and perhaps directory (for example: login,email,mobile)")
	// ErrRead means that the file could not be read to its end.
	ErrRead = errors.New("the file cannot be read")
	// ErrEncoding means that a row is not UTF-8.
	ErrEncoding = errors.New("the row is not in UTF-8: save the file as \"CSV UTF-8\"")
	// ErrQuoting means that quotes or columns do not add up.
	ErrQuoting = errors.New("the row is not in the form of RFC 4180: check its quotes and the number of its columns")
	// ErrControl means that a row holds what no login and no contact has.
	ErrControl = errors.New("the row holds control characters: each cell is one line of plain text")
	// ErrNoLogin means that a row does not say whose contacts it holds.
	ErrNoLogin = errors.New("there is no login")
)

// ParseCSV reads contacts in the form of RFC 4180: a header that names the
// columns login, email, mobile and directory in any order, then one row for
// each person, or several. An apostrophe that [WriteCSV] put in front of a cell
// is taken off again. Every bad row is reported; good ones are returned
// nevertheless. Of a file without a good header, that alone is reported.
func ParseCSV(r io.Reader, c Config) (rows []Row, faults []RowError) {
	p := newParser(r, c)
	p.row, p.bad = func(row Row) error { rows = append(rows, row); return nil }, func(fault RowError) { faults = append(faults, fault) }
	switch err := p.csvRows(); {
	case errors.Is(err, ErrHeader):
		return nil, []RowError{{Line: 1, Err: err}}
	case err != nil && p.columns == nil:
		return nil, []RowError{{Line: 1, Err: err}}
	case err != nil:
		faults = append(faults, RowError{Line: p.line(), Err: err})
	}
	return rows, faults
}

// eachRow calls row with every good row of a file and bad with what is wrong with
// the others, in the order of the lines. The file is CSV as [ParseCSV] reads it,
// or has a JSON object in each line. An error is [ErrHeader], [ErrRead] or that
// of row.
func eachRow(r io.Reader, c Config, row func(Row) error, bad func(RowError)) error {
	p := newParser(r, c)
	p.row, p.bad = row, bad
	if p.looksLikeJSON() {
		return p.jsonRows()
	}
	return p.csvRows()
}

// parser is the reading of one file.
type parser struct {
	config  Config
	text    *bufio.Reader
	csv     *csv.Reader
	columns []string
	row     func(Row) error
	bad     func(RowError)
	// faults counts those of the row that is being read.
	faults int
}

func newParser(r io.Reader, c Config) *parser {
	text := withoutBOM(r)
	p := &parser{config: c, text: text, csv: csv.NewReader(text)}
	p.csv.FieldsPerRecord = -1
	p.csv.ReuseRecord = true
	return p
}

func (p *parser) csvRows() error {
	if err := p.header(); err != nil {
		return err
	}
	for {
		cells, err := p.csv.Read()
		if err == io.EOF {
			return nil
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
			p.fault(syntax.StartLine, "", ErrQuoting)
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRead, err)
		}
		if err := p.csvRow(cells); err != nil {
			return err
		}
	}
}

func (p *parser) fault(line int, column string, err error) {
	p.faults++
	p.bad(RowError{Line: line, Column: column, Err: err})
}

// line is the line on which the row that was read last begins.
func (p *parser) line() int {
	line, _ := p.csv.FieldPos(0)
	return line
}

func (p *parser) csvRow(cells []string) error {
	p.faults = 0
	row := Row{Line: p.line()}
	if err := p.form(strings.Join(cells, ""), len(cells)); err != nil {
		p.fault(row.Line, "", err)
		return nil
	}
	for i, cell := range cells {
		cell = strings.Clone(unescape(cell))
		switch column := p.columns[i]; column {
		case columnLogin:
			row.Login = cell
		case columnDirectory:
			row.Directory = cell
		case columnEmail:
			row.Email = p.contact(row.Line, column, Email, cell)
		case columnMobile:
			row.Mobile = p.contact(row.Line, column, Mobile, cell)
		}
	}
	return p.end(row)
}

// end passes a row on when all is there.
func (p *parser) end(row Row) error {
	switch {
	case strings.TrimSpace(row.Login) == "" && row.Person == "":
		p.fault(row.Line, columnLogin, ErrNoLogin)
	case len(row.cells()) == 0 && p.faults == 0:
		p.fault(row.Line, "", ErrNoContact)
	}
	if p.faults > 0 {
		return nil
	}
	return p.row(row)
}

// form reports what is wrong with a row as a whole.
func (p *parser) form(text string, cells int) error {
	switch {
	case cells != len(p.columns):
		return ErrQuoting
	case !utf8.ValidString(text):
		return ErrEncoding
	case strings.ContainsFunc(text, unicode.IsControl):
		return ErrControl
	}
	return nil
}

func (p *parser) contact(line int, column string, kind Kind, cell string) string {
	if cell == "" {
		return ""
	}
	normal, err := p.config.Normal(kind, cell)
	if err != nil {
		p.fault(line, column, err)
	}
	return normal
}

// withoutBOM takes off the mark that spreadsheets put in front of UTF-8.
func withoutBOM(r io.Reader) *bufio.Reader {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = b.Discard(3) // was peeked
	}
	return b
}

// formula holds the characters with which a cell becomes a formula in a
// spreadsheet, or hides one, their wide forms, which some take for the same, and
// the apostrophe that keeps it from that.
const formula = "=+-@\t\r\n\x00'＝＋－＠"

// acts reports whether a spreadsheet may take a cell for a formula; some pass
// over spaces in front.
func acts(cell string) bool {
	cell = strings.TrimLeft(cell, " ")
	first, _ := utf8.DecodeRuneInString(cell)
	return cell != "" && strings.ContainsRune(formula, first)
}

// escape puts an apostrophe in front of what a spreadsheet would take for a
// formula, E.164 numbers among it, and of what looks escaped already.
func escape(cell string) string {
	if acts(cell) {
		return "'" + cell
	}
	return cell
}

// SafeCell returns a text as it can stand in any file for spreadsheets.
func SafeCell(text string) string { return escape(text) }

// unescape undoes escape. An apostrophe in front of anything else was never
// put there by it, and stays.
func unescape(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && acts(rest) {
		return rest
	}
	return cell
}
