package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"latchkey/internal/setting"
)

// EnvPrefix stands in front of every variable of the environment that is read.
const EnvPrefix = "LATCHKEY_"

// EnvPath names the configuration file and is not a key of it.
const EnvPath = EnvPrefix + "CONFIG"

// place is where a value was written: on a line, or in a variable.
type place struct {
	line     int
	variable string
}

// loader fills a configuration and collects what is wrong with it.
type loader struct {
	file   string
	target reflect.Value
	places map[string]place
	// faulty holds the keys that have a fault already, so that one mistake is
	// not reported twice.
	faulty map[string]bool
	faults []Fault
}

func newLoader(file string, c *Config) *loader {
	return &loader{file: file, target: reflect.ValueOf(c).Elem(), places: make(map[string]place), faulty: make(map[string]bool)}
}

// fault notes what is wrong at a path.
func (l *loader) fault(p path, at place, problem, allowed, suggestion string) {
	l.faulty[p.String()] = true
	l.faults = append(l.faults, Fault{
		File: l.file, Line: at.line, Variable: at.variable, Key: p.String(),
		Problem: problem, Allowed: allowed, Suggestion: suggestion,
	})
}

// judged notes a fault that a section found in itself.
func (l *loader) judged(section string, f setting.Fault) {
	key := section
	if f.Key != "" {
		key += "." + f.Key
	}
	if l.faulty[key] {
		return
	}
	at, ok := l.places[key]
	if !ok {
		at.line = l.places[section].line
	}
	l.faults = append(l.faults, Fault{
		File: l.file, Line: at.line, Variable: at.variable, Key: key, Problem: f.Problem, Allowed: f.Allowed,
	})
}

func (l *loader) readFile(text []byte) {
	statements, syntax := read(text)
	for _, f := range syntax {
		l.faults = append(l.faults, Fault{File: l.file, Line: f.line, Problem: "the line " + f.problem})
	}
	var skipped []string
	for _, s := range statements {
		key := s.path.String()
		if slices.ContainsFunc(skipped, func(table string) bool { return within(key, table) }) {
			continue
		}
		if first, twice := l.places[key]; twice {
			l.faults = append(l.faults, Fault{
				File: l.file, Line: s.line, Key: key, Problem: "is written twice",
				Allowed: "once; it stands on line " + decimal(first.line) + " already",
			})
			continue
		}
		l.places[key] = place{line: s.line}
		if !l.put(s.path, s.value, place{line: s.line}, s.list) && s.value == nil {
			skipped = append(skipped, key)
		}
	}
}

// within reports whether a key is a table or lies in it.
func within(key, table string) bool {
	rest, ok := strings.CutPrefix(key, table)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// put sets a value and notes the fault if it cannot stand there.
func (l *loader) put(p path, value any, at place, list bool) bool {
	err := set(l.target, p, value)
	if err == nil {
		return true
	}
	if list && len(p) == 2 {
		if field, ok := fieldOf(l.target, p[0]); ok && kind(field.Type()) != ofTables {
			l.fault(p[:1], at, "is written as a list of tables", "one table, its header in single brackets", "")
			return false
		}
	}
	if unknown, ok := errors.AsType[*unknownError](err); ok {
		l.unknown(p, unknown, at)
		return false
	}
	wrong, ok := errors.AsType[*valueError](err)
	if !ok {
		wrong = &valueError{problem: err.Error()}
	}
	l.fault(p, at, wrong.problem, wrong.allowed, "")
	return false
}

func (l *loader) unknown(p path, u *unknownError, at place) {
	what := "is not a key of this section"
	if u.at == 0 {
		what = "is not a section"
	}
	meant := nearest(p[u.at], u.known)
	if meant == "" {
		l.fault(p[:u.at+1], at, what, strings.Join(u.known, ", "), "")
		return
	}
	suggestion := meant
	if at.variable != "" {
		suggestion = variableOf(p[:u.at].with(meant).with(p[u.at+1:]...))
	}
	l.fault(p[:u.at+1], at, what, "", suggestion)
}

// variableOf is the name of the variable for a path.
func variableOf(p path) string { return EnvPrefix + strings.ToUpper(strings.Join(p, "__")) }

func (l *loader) readEnviron(environ []string) {
	for _, line := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(line, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours || name == EnvPath {
			continue
		}
		p, at := path(strings.Split(strings.ToLower(rest), "__")), place{variable: name}
		if l.put(p, variable(value), at, false) {
			l.places[p.String()] = at
		}
	}
}
