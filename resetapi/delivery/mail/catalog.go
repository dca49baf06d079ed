package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed messages templates
var files embed.FS

// catalogs hold what mails say, in all languages, and how they look.
type catalogs struct {
	all     []catalog // English first
	matcher language.Matcher
	text    *texttemplate.Template
	html    *htmltemplate.Template
	// requestText is what a request for help looks like.
	requestText *texttemplate.Template
}

// catalog is one language.
type catalog struct {
	tag     language.Tag
	Account string            `toml:"account"`
	Minutes map[string]string `toml:"minutes"`
	Date    date              `toml:"date"`
	Facts   facts             `toml:"facts"`
	Support ask               `toml:"support"`
	// NotMe announces the link of that name.
	NotMe   string            `toml:"not_me"`
	Reasons map[string]string `toml:"reasons"`
	Kinds   map[string]kind   `toml:"kinds"`
	Request request           `toml:"request"`
}

// facts are the labels of what is known of an event.
type facts struct {
	At        string `toml:"at"`
	Network   string `toml:"network"`
	Device    string `toml:"device"`
	Reference string `toml:"reference"`
}

// ask says whom to ask: Heading in front of what is configured, or Nobody.
type ask struct {
	Heading string `toml:"heading"`
	Nobody  string `toml:"nobody"`
	Phone   string `toml:"phone"`
	Email   string `toml:"email"`
}

// kind is what one kind of message says, around its code or its facts. Asks
// means that it ends with whom to ask.
type kind struct {
	Subject string   `toml:"subject"`
	Before  []string `toml:"before"`
	After   []string `toml:"after"`
	Facts   bool     `toml:"facts"`
	Asks    bool     `toml:"asks"`
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
	if c.requestText, err = texttemplate.ParseFS(files, "templates/request.txt"); err != nil {
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
	return one, one.Date.complete()
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
