package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"latchkey/resetapi/delivery"
)

//go:embed messages templates
var files embed.FS

// catalogs hold what mails say, in all languages, and how they look.
type catalogs struct {
	all     []catalog // English first
	matcher language.Matcher
	text    *texttemplate.Template
	html    *htmltemplate.Template
}

// catalog is one language.
type catalog struct {
	tag     language.Tag
	Account string            `toml:"account"`
	Minutes map[string]string `toml:"minutes"`
	Kinds   map[string]kind   `toml:"kinds"`
}

// kind is what one kind of message says, around its code.
type kind struct {
	Subject string   `toml:"subject"`
	Before  []string `toml:"before"`
	After   []string `toml:"after"`
}

// page is one rendered message.
type page struct {
	Language, Subject, Service, Account, Code string
	Before, After                             []string

	text, html string
}

func loadCatalogs() (*catalogs, error) {
	c := &catalogs{}
	names, err := fs.Glob(files, "messages/*.toml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		one, err := loadCatalog(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.all = append(c.all, one)
	}
	slices.SortStableFunc(c.all, func(a, b catalog) int { return rank(a) - rank(b) })
	var tags []language.Tag
	for _, one := range c.all {
		tags = append(tags, one.tag)
	}
	if len(tags) == 0 || tags[0] != language.English {
		return nil, errors.New("messages/en.toml is missing")
	}
	c.matcher = language.NewMatcher(tags)
	if c.text, err = texttemplate.ParseFS(files, "templates/message.txt"); err != nil {
		return nil, err
	}
	c.html, err = htmltemplate.ParseFS(files, "templates/message.html")
	return c, err
}

// rank puts English first: it is what people get whose language is missing.
func rank(c catalog) int {
	if c.tag == language.English {
		return 0
	}
	return 1
}

func loadCatalog(name string) (catalog, error) {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(name), ".toml"))
	if err != nil {
		return catalog{}, err
	}
	f, err := files.Open(name)
	if err != nil {
		return catalog{}, err
	}
	defer f.Close()
	one := catalog{tag: tag}
	if err := toml.NewDecoder(f).DisallowUnknownFields().Decode(&one); err != nil {
		return catalog{}, err
	}
	return one, nil
}

// render puts a message into words, in the language that suits best.
func (c *catalogs) render(m delivery.Message, service string) (page, error) {
	_, index := language.MatchStrings(c.matcher, m.Language)
	one := c.all[index]
	said, ok := one.Kinds[m.Kind]
	if !ok {
		return page{}, fmt.Errorf("%w: no mail is written for the kind %q; there are %v",
			delivery.ErrPermanent, m.Kind, slices.Sorted(maps.Keys(one.Kinds)))
	}
	fill := strings.NewReplacer("{service}", service, "{login}", printable(m.Login), "{valid}", one.valid(m.ValidFor)).Replace
	p := page{Language: one.tag.String(), Subject: fill(said.Subject), Service: service, Code: grouped(m.Code)}
	for _, s := range said.Before {
		p.Before = append(p.Before, fill(s))
	}
	for _, s := range said.After {
		p.After = append(p.After, fill(s))
	}
	if m.Login != "" {
		p.Account = fill(one.Account)
	}
	var text, html strings.Builder
	if err := errors.Join(c.text.Execute(&text, p), c.html.Execute(&html, p)); err != nil {
		return page{}, fmt.Errorf("%w: render the mail: %w", delivery.ErrPermanent, err)
	}
	p.text, p.html = text.String(), html.String()
	return p, nil
}

// valid says a time span in full minutes.
func (c catalog) valid(d time.Duration) string {
	n := max(1, int(d.Round(time.Minute)/time.Minute))
	forms := map[plural.Form]string{
		plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other",
	}
	text, ok := c.Minutes[forms[plural.Cardinal.MatchPlural(c.tag, n, 0, 0, 0, 0)]]
	if !ok {
		text = c.Minutes["other"]
	}
	return strings.ReplaceAll(text, "{n}", strconv.Itoa(n))
}

// grouped writes a code as people read it: "1234 5678".
func grouped(code string) string {
	const group = 4
	var groups []string
	for part := range slices.Chunk([]byte(code), group) {
		groups = append(groups, string(part))
	}
	return strings.Join(groups, " ")
}

// printable keeps a login on its line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
