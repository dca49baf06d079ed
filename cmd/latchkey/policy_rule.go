package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// rule is the section of the configuration that decided about a person.
type rule struct {
	section string
	// number counts the [[policy]] sections from 1; 0 for other sections.
	number int
	// line is where the section begins in the file; 0 where it is not there but
	// in the environment.
	line int
}

// ruleOf turns the name that the policy has for a section, such as "policy[0]",
// into the one that people see in the file.
func ruleOf(name, file string) rule {
	var index int
	if _, err := fmt.Sscanf(name, "policy[%d]", &index); err != nil {
		return rule{section: name}
	}
	r := rule{section: "policy", number: index + 1}
	text, err := os.ReadFile(file)
	if err != nil {
		return r // only the line is not known
	}
	header := regexp.MustCompile(`^\s*\[\[\s*policy\s*\]\]`)
	line, found := 0, 0
	for content := range strings.Lines(string(text)) {
		line++
		if header.MatchString(content) {
			if found++; found == r.number {
				r.line = line
				return r
			}
		}
	}
	return r
}

// String is for reading; empty where nothing decided.
func (r rule) String() string {
	switch {
	case r.section == "":
		return ""
	case r.number == 0:
		return "[" + r.section + "]"
	case r.line == 0:
		return fmt.Sprintf("[[policy]] %d", r.number)
	}
	return fmt.Sprintf("[[policy]] %d (line %d)", r.number, r.line)
}
