package sms

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/language"

	"latchkey/resetapi/delivery"
)

//go:embed messages
var files embed.FS

// catalogs hold what SMS say, in all languages.
type catalogs struct {
	all     []catalog // English first
	matcher language.Matcher
}

// catalog is one language.
type catalog struct {
	tag   language.Tag
	Kinds map[string]kind `toml:"kinds"`
}

// kind is what one kind of message says. Short is for sites with a long name.
type kind struct {
	Text  string `toml:"text"`
	Short string `toml:"short"`
}

func loadCatalogs() (*catalogs, error) {
	names, err := fs.Glob(files, "messages/*.toml")
	if err != nil {
		return nil, err
	}
	c := &catalogs{}
	for _, name := range names {
		one, err := loadCatalog(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if one.tag == language.English {
			c.all = slices.Insert(c.all, 0, one) // what people get whose language is missing
			continue
		}
		c.all = append(c.all, one)
	}
	var tags []language.Tag
	for _, one := range c.all {
		tags = append(tags, one.tag)
	}
	if len(tags) == 0 || tags[0] != language.English {
		return nil, errors.New("messages/en.toml is missing")
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
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
	return one, toml.NewDecoder(f).DisallowUnknownFields().Decode(&one)
}

// render puts a message into words, in the language that suits best, and into
// one SMS if it can be. The last line binds a code to the site, so that phones
// fill it in there and nowhere else; it goes where there is no room for it. A code
// that is read out to somebody has none.
func (c *catalogs) render(m delivery.Message, host string) (string, error) {
	_, index := language.MatchStrings(c.matcher, m.Language)
	said, ok := c.all[index].Kinds[m.Kind]
	if !ok {
		return "", fmt.Errorf("%w: no SMS is written for the kind %q; there are %v",
			delivery.ErrPermanent, m.Kind, slices.Sorted(maps.Keys(c.all[index].Kinds)))
	}
	fill := strings.NewReplacer(
		"{code}", grouped(m.Code), "{minutes}", minutes(m.ValidFor), "{host}", host,
		"{at}", m.At.UTC().Format("2006-01-02 15:04 UTC"),
	).Replace
	bound := ""
	if m.Kind == delivery.KindCode && m.Code != "" {
		bound = "\n@" + host + " #" + m.Code
	}
	text, short := fill(said.Text), fill(said.Short)
	for _, candidate := range []string{text + bound, short + bound} {
		if fits(candidate) {
			return candidate, nil
		}
	}
	return short, nil
}

func minutes(d time.Duration) string {
	return strconv.Itoa(max(1, int(d.Round(time.Minute)/time.Minute)))
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

// The alphabet of GSM 03.38 (3GPP TS 23.038 §6.2.1): the characters that take
// one place in an SMS, and those that take two.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtra = "^{}\\[~]|€\f"
)

// fits reports whether a text is one SMS.
func fits(text string) bool {
	const places, units = 160, 70
	taken := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			taken++
		case strings.ContainsRune(gsmExtra, r):
			taken += 2
		default:
			return len(utf16.Encode([]rune(text))) <= units
		}
	}
	return taken <= places
}
