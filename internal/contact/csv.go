package contact

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
	// ErrEmptyFile means that a file has no header.
	ErrEmptyFile = errors.New("the file is empty: its first line must name the columns login, email, mobile and perhaps directory")
	// ErrColumn means that the header is wrong.
	ErrColumn = errors.New("the columns are login, email, mobile and directory, separated by commas; login and one of email and mobile are needed")
	// ErrEncoding means that a row is not UTF-8.
	ErrEncoding = errors.New("the row is not in UTF-8: save the file as \"CSV UTF-8\"")
	// ErrQuoting means that quotes or columns do not add up.
	ErrQuoting = errors.New("the row is not in the form of RFC 4180: check its quotes and the number of its columns")
	// ErrNoLogin means that a row does not say whose contacts it holds.
	ErrNoLogin = errors.New("there is no login")
)

// ParseCSV reads contacts in the form of RFC 4180: a header that names the
// columns login, email, mobile and directory in any order, then one row for
// each person, or several. An apostrophe that [WriteCSV] put in front of a cell
// is taken off again. Every bad row is reported; good ones are returned
// nevertheless.
func ParseCSV(r io.Reader, c Config) ([]Row, []RowError) {
	p := parser{config: c, csv: csv.NewReader(withoutBOM(r))}
	p.csv.FieldsPerRecord = -1
	p.csv.ReuseRecord = true
	if err := p.header(); err != nil {
		return nil, []RowError{{Line: 1, Err: err}}
	}
	for {
		cells, err := p.csv.Read()
		if err == io.EOF {
			return p.rows, p.faults
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
			p.fault(syntax.StartLine, "", ErrQuoting)
			continue
		}
		if err != nil {
			p.fault(p.line(), "", fmt.Errorf("read the file: %w", err))
			return p.rows, p.faults
		}
		p.row(cells)
	}
}

// parser is the reading of one file.
type parser struct {
	config  Config
	csv     *csv.Reader
	columns []string
	rows    []Row
	faults  []RowError
}

func (p *parser) fault(line int, column string, err error) {
	p.faults = append(p.faults, RowError{Line: line, Column: column, Err: err})
}

// line is the line on which the row that was read last begins.
func (p *parser) line() int {
	line, _ := p.csv.FieldPos(0)
	return line
}

func (p *parser) header() error {
	cells, err := p.csv.Read()
	if err == io.EOF {
		return ErrEmptyFile
	}
	if err != nil {
		return ErrQuoting
	}
	for _, cell := range cells {
		column := strings.ToLower(strings.TrimSpace(cell))
		known := []string{columnLogin, columnEmail, columnMobile, columnDirectory}
		if !slices.Contains(known, column) {
			return fmt.Errorf("%q is not a column: %w", cell, ErrColumn)
		}
		if slices.Contains(p.columns, column) {
			return fmt.Errorf("%q stands twice: %w", column, ErrColumn)
		}
		p.columns = append(p.columns, column)
	}
	if !slices.Contains(p.columns, columnLogin) || !slices.Contains(p.columns, columnEmail) && !slices.Contains(p.columns, columnMobile) {
		return ErrColumn
	}
	return nil
}

func (p *parser) row(cells []string) {
	before := len(p.faults)
	row := Row{Line: p.line()}
	if len(cells) != len(p.columns) {
		p.fault(row.Line, "", ErrQuoting)
		return
	}
	if !utf8.ValidString(strings.Join(cells, "")) {
		p.fault(row.Line, "", ErrEncoding)
		return
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
	switch {
	case strings.TrimSpace(row.Login) == "":
		p.fault(row.Line, columnLogin, ErrNoLogin)
	case row.Email == "" && row.Mobile == "" && len(p.faults) == before:
		p.fault(row.Line, "", ErrNoContact)
	}
	if len(p.faults) == before {
		p.rows = append(p.rows, row)
	}
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
func withoutBOM(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = b.Discard(3) // was peeked
	}
	return b
}

// formula holds the characters with which a cell becomes a formula in a
// spreadsheet, or hides one, and the apostrophe that keeps it from that.
const formula = "=+-@\t\r\n\x00'"

// escape puts an apostrophe in front of what a spreadsheet would take for a
// formula, E.164 numbers among it, and of what looks escaped already.
func escape(cell string) string {
	if cell != "" && strings.IndexByte(formula, cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

// unescape undoes escape. An apostrophe in front of anything else was never
// put there by it, and stays.
func unescape(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte(formula, cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}
