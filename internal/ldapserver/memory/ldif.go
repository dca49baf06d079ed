package memory

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// record is one entry of an LDIF text.
type record struct {
	dn         string
	attributes map[string][]string
}

// parseLDIF reads records of content (RFC 2849). Changes and URLs are refused.
func parseLDIF(text string) ([]record, error) {
	var records []record
	var current *record
	for number, line := range logicalLines(text) {
		switch {
		case line == "":
			current = nil
			continue
		case line[0] == '#', current == nil && strings.HasPrefix(line, "version:"):
			continue
		}
		attribute, value, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d", ErrLDIF, number+1)
		}
		switch {
		case current == nil && strings.EqualFold(attribute, "dn"):
			records = append(records, record{dn: value, attributes: make(map[string][]string)})
			current = &records[len(records)-1]
		case current == nil, strings.EqualFold(attribute, "changetype"):
			return nil, fmt.Errorf("%w: line %d", ErrLDIF, number+1)
		default:
			current.attributes[attribute] = append(current.attributes[attribute], value)
		}
	}
	return records, nil
}

// logicalLines puts folded lines together. A line that was folded away stands as
// a comment, so that numbers stay those of the text.
func logicalLines(text string) []string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	last := -1
	for i, line := range lines {
		if strings.HasPrefix(line, " ") && last >= 0 {
			lines[last] += line[1:]
			lines[i] = "#"
			continue
		}
		last = i
		if line == "" {
			last = -1
		}
	}
	return lines
}

func parseLine(line string) (attribute, value string, err error) {
	attribute, value, ok := strings.Cut(line, ":")
	if !ok || !isDescription(attribute) || strings.HasPrefix(value, "<") {
		return "", "", ErrLDIF
	}
	if encoded, ok := strings.CutPrefix(value, ":"); ok {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		return attribute, string(raw), err
	}
	return attribute, strings.TrimLeft(value, " "), nil
}
