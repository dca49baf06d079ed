package config

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// path leads to a place: keys, and decimal indexes where there is a list.
type path []string

// String writes it as in "directory[0].servers".
func (p path) String() string {
	var b strings.Builder
	for i, step := range p {
		_, err := strconv.Atoi(step)
		switch {
		case err == nil && i > 0:
			b.WriteString("[" + step + "]")
			continue
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}

// with returns a longer path that shares nothing with p.
func (p path) with(steps ...string) path {
	return append(append(make(path, 0, len(p)+len(steps)), p...), steps...)
}

// statement is one thing that a file says: the header of a table, or a key
// with its value.
type statement struct {
	path  path
	line  int
	value any // string, int64, bool, []any, odd; nil for a header
	list  bool
}

// odd is a value of a kind that no key has, such as a date.
type odd string

// syntaxFault is a line that is no TOML.
type syntaxFault struct {
	line    int
	problem string
}

// reader turns the text of a file into statements. It reads on after a line
// that is no TOML, so that one mistake does not hide the others.
type reader struct {
	text       []byte
	parser     unstable.Parser
	firstLine  int            // the line on which the parser began
	table      path           // of the last header
	entries    map[string]int // how many of each [[table]] there were
	statements []statement
	faults     []syntaxFault
}

func read(text []byte) ([]statement, []syntaxFault) {
	r := &reader{text: text, firstLine: 1, entries: make(map[string]int)}
	for offset := 0; offset < len(text); {
		r.parser.Reset(text[offset:])
		for r.parser.NextExpression() {
			r.expression(r.parser.Expression())
		}
		err := r.parser.Error()
		if err == nil {
			break
		}
		offset += r.skip(err)
		r.firstLine = 1 + bytes.Count(text[:offset], []byte("\n"))
	}
	return r.statements, r.faults
}

// character is how the parser quotes what it found; it may be part of a secret.
var character = regexp.MustCompile(`:? ?(but got )?U\+[0-9A-F]+ '.*'`)

// beginning is a line on which something new begins.
var beginning = regexp.MustCompile(`(?m)^[ \t]*(\[|[A-Za-z0-9_.-]+[ \t]*=)`)

// tableLine is the line of a table, alone and whole.
var tableLine = regexp.MustCompile(`^[ \t]*\[\[?[A-Za-z0-9_.-]+\]\]?[ \t]*(#.*)?(\r?\n|$)`)

// skip notes a fault and returns how many bytes lie before the next line that
// can be read on its own.
func (r *reader) skip(err error) int {
	rest, line := r.parser.Data(), r.firstLine
	wrong, end := errors.AsType[*unstable.ParserError](err)
	at := 0
	if end && len(wrong.Highlight) > 0 {
		at = int(r.parser.Range(wrong.Highlight).Offset)
	}
	line += bytes.Count(rest[:at], []byte("\n"))
	r.faults = append(r.faults, syntaxFault{line, "is not TOML: " + character.ReplaceAllString(err.Error(), "")})
	if begins := bytes.LastIndexByte(rest[:at], '\n') + 1; begins > 0 && tableLine.Match(rest[begins:]) {
		return begins // a list above it was not closed, and swallowed it
	}
	newline := bytes.IndexByte(rest[at:], '\n')
	if newline < 0 {
		return len(rest)
	}
	next := at + newline + 1
	if found := beginning.FindIndex(rest[next:]); found != nil {
		return next + found[0]
	}
	return len(rest)
}

func (r *reader) line(n *unstable.Node) int {
	return r.firstLine - 1 + r.parser.Shape(n.Raw).Start.Line
}

func (r *reader) expression(n *unstable.Node) {
	keys, line := r.keys(n)
	switch n.Kind {
	case unstable.Table:
		r.table = r.resolve(keys)
		r.statements = append(r.statements, statement{path: r.table, line: line})
	case unstable.ArrayTable:
		name := r.resolve(keys[:len(keys)-1]).with(keys[len(keys)-1])
		index := r.entries[name.String()]
		r.entries[name.String()]++
		r.table = name.with(strconv.Itoa(index))
		r.statements = append(r.statements, statement{path: r.table, line: line, list: true})
	case unstable.KeyValue:
		r.keyValue(r.table.with(keys...), line, n.Value())
	}
}

func (r *reader) keys(n *unstable.Node) (keys []string, line int) {
	for it := n.Key(); it.Next(); {
		if line == 0 {
			line = r.line(it.Node())
		}
		keys = append(keys, string(it.Node().Data))
	}
	return keys, line
}

// resolve puts the index of the last entry behind the name of each [[table]].
func (r *reader) resolve(keys []string) path {
	var p path
	for _, key := range keys {
		p = append(p, key)
		if n := r.entries[p.String()]; n > 0 {
			p = append(p, strconv.Itoa(n-1))
		}
	}
	return p
}

// keyValue spreads inline tables and lists of them, so that they read like the
// tables that they stand for.
func (r *reader) keyValue(p path, line int, value *unstable.Node) {
	if value.Kind == unstable.InlineTable {
		r.statements = append(r.statements, statement{path: p, line: line})
		for it := value.Children(); it.Next(); {
			keys, inner := r.keys(it.Node())
			r.keyValue(p.with(keys...), inner, it.Node().Value())
		}
		return
	}
	if first := value.Child(); value.Kind == unstable.Array && first.Valid() && first.Kind == unstable.InlineTable {
		index := 0
		for it := value.Children(); it.Next(); index++ {
			r.keyValue(p.with(strconv.Itoa(index)), line, it.Node())
		}
		return
	}
	r.statements = append(r.statements, statement{path: p, line: line, value: plain(value)})
}

// plain returns the Go value of a node.
func plain(n *unstable.Node) any {
	switch n.Kind {
	case unstable.String:
		return string(n.Data)
	case unstable.Bool:
		return string(n.Data) == "true"
	case unstable.Integer:
		number, err := strconv.ParseInt(strings.ReplaceAll(string(n.Data), "_", ""), 0, 64)
		if err != nil {
			return odd("a number that is too large")
		}
		return number
	case unstable.Array:
		list := []any{}
		for it := n.Children(); it.Next(); {
			list = append(list, plain(it.Node()))
		}
		return list
	case unstable.Float:
		return odd("a number with a fraction")
	case unstable.InlineTable:
		return odd("a table")
	}
	return odd("a date or time")
}
