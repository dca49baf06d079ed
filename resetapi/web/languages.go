package web

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// One file a language, named by its tag. A new language is a new file.
//
//go:embed messages
var messageFiles embed.FS

// languages are the catalogs. The first is English, for whoever speaks none of
// them.
type languages struct {
	spoken  []*speech
	matcher language.Matcher
}

// match returns the catalog that suits an Accept-Language header best.
func (l *languages) match(header string) *speech {
	_, index := language.MatchStrings(l.matcher, header)
	return l.spoken[index]
}

// loadLanguages reads all catalogs and refuses one that does not have every
// message of the English one, with the same placeholders.
func loadLanguages(files fs.FS) (*languages, error) {
	names, err := fs.Glob(files, "messages/*.toml")
	if err != nil {
		return nil, err
	}
	all := &languages{}
	var tags []language.Tag
	for _, name := range names {
		catalog, err := loadSpeech(files, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if catalog.tag == language.English {
			all.spoken, tags = slices.Insert(all.spoken, 0, catalog), slices.Insert(tags, 0, catalog.tag)
			continue
		}
		all.spoken, tags = append(all.spoken, catalog), append(tags, catalog.tag)
	}
	if len(tags) == 0 || tags[0] != language.English {
		return nil, errors.New("messages/en.toml is missing")
	}
	var faults []error
	for _, other := range all.spoken[1:] {
		faults = append(faults, incomplete(all.spoken[0], other)...)
	}
	all.matcher = language.NewMatcher(tags)
	return all, errors.Join(faults...)
}

func loadSpeech(files fs.FS, name string) (*speech, error) {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(name), ".toml"))
	if err != nil {
		return nil, err
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	s := &speech{tag: tag, messages: make(map[string]message)}
	return s, s.add("", tree)
}

// add takes the messages of a table into the catalog under dotted keys. A table
// with the key "other" is one message by plural forms.
func (s *speech) add(prefix string, table map[string]any) error {
	for key, value := range table {
		switch value := value.(type) {
		case string:
			s.messages[prefix+key] = message{plural.Other: value}
		case map[string]any:
			if _, counted := value["other"].(string); !counted {
				if err := s.add(prefix+key+".", value); err != nil {
					return err
				}
				continue
			}
			forms, err := counted(value)
			if err != nil {
				return fmt.Errorf("%s%s: %w", prefix, key, err)
			}
			s.messages[prefix+key] = forms
		default:
			return fmt.Errorf("%s%s is neither a text nor a table", prefix, key)
		}
	}
	return nil
}

func counted(table map[string]any) (message, error) {
	known := map[string]plural.Form{
		"zero": plural.Zero, "one": plural.One, "two": plural.Two,
		"few": plural.Few, "many": plural.Many, "other": plural.Other,
	}
	forms := make(message, len(table))
	for name, value := range table {
		form, isForm := known[name]
		text, isText := value.(string)
		if !isForm || !isText {
			return nil, fmt.Errorf("%q is not a plural form with a text", name)
		}
		forms[form] = text
	}
	return forms, nil
}

// incomplete compares a catalog with the English one.
func incomplete(english, other *speech) []error {
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(english.messages)) {
		if !other.Has(key) {
			faults = append(faults, fmt.Errorf("%s: %s is missing", other.tag, key))
			continue
		}
		want, got := english.messages[key].placeholders(), other.messages[key].placeholders()
		if !slices.Equal(want, got) {
			faults = append(faults, fmt.Errorf("%s: %s has the placeholders %v, not %v", other.tag, key, got, want))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(other.messages)) {
		if !english.Has(key) {
			faults = append(faults, fmt.Errorf("%s: %s is not in the English catalog", other.tag, key))
		}
	}
	return faults
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// placeholders are the names that any form of the message has.
func (m message) placeholders() []string {
	var names []string
	for _, text := range m {
		names = append(names, placeholder.FindAllString(text, -1)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
