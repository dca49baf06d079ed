package contact

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// header reads the first line.
func (p *parser) header() error {
	cells, err := p.csv.Read()
	_, unquoted := errors.AsType[*csv.ParseError](err)
	problem := ""
	switch {
	case err == nil:
		problem = p.columnsOf(cells)
	case err == io.EOF:
		problem = "it is empty"
	case unquoted:
		problem = "its quotes do not add up"
	default:
		return fmt.Errorf("%w: %w", ErrRead, err)
	}
	if problem == "" {
		return nil
	}
	return fmt.Errorf("%w; %s", ErrHeader, problem)
}

// columnsOf takes the columns from the first line, or says what is wrong with
// it. It repeats nothing of a line that may hold a person rather than columns.
func (p *parser) columnsOf(cells []string) (problem string) {
	known := []string{columnLogin, columnEmail, columnMobile, columnDirectory}
	for _, cell := range cells {
		column := strings.ToLower(strings.TrimSpace(cell))
		switch {
		case slices.Contains(p.columns, column):
			return fmt.Sprintf("%s stands there twice", column)
		case slices.Contains(known, column):
			p.columns = append(p.columns, column)
		default:
			return p.stranger(cells, column)
		}
	}
	if !slices.Contains(p.columns, columnLogin) {
		return "there is no column login"
	}
	if !slices.Contains(p.columns, columnEmail) && !slices.Contains(p.columns, columnMobile) {
		return "there is neither a column email nor one mobile"
	}
	return ""
}

// stranger says what is probably meant by a cell of the header that names no
// column.
func (p *parser) stranger(cells []string, column string) string {
	all := strings.Join(cells, ",")
	switch {
	case len(cells) == 1 && strings.ContainsAny(all, ";\t"):
		return "here they are separated by semicolons or tabs: save the file as \"CSV, comma separated\""
	case len(p.columns) == 0 && strings.ContainsAny(all, "@0123456789"):
		return "it looks like a person's line: put a line with the columns above it"
	case !utf8.ValidString(all):
		return "it is not in UTF-8: save the file as \"CSV UTF-8\""
	case strings.Contains(column, "mail"):
		return fmt.Sprintf("%q is not a column; email is", column)
	case strings.Contains(column, "mob"), strings.Contains(column, "phone"), strings.Contains(column, "tel"):
		return fmt.Sprintf("%q is not a column; mobile is", column)
	case strings.Contains(column, "user"), strings.Contains(column, "uid"), strings.Contains(column, "account"):
		return fmt.Sprintf("%q is not a column; login is", column)
	}
	return fmt.Sprintf("%q is not a column", column)
}
