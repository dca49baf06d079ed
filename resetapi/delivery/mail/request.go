package mail

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"latchkey/resetapi/delivery"
)

// request is what the mail with a request for help says around the words of the
// person who asks.
type request struct {
	Subject string `toml:"subject"`
	// Warning stands before everything else.
	Warning []string `toml:"warning"`
	// Theirs announces the words of the person, Ours what we know.
	Theirs   string `toml:"theirs"`
	Ours     string `toml:"ours"`
	Name     string `toml:"name"`
	Phone    string `toml:"phone"`
	Email    string `toml:"email"`
	Message  string `toml:"message"`
	Login    string `toml:"login"`
	Language string `toml:"language"`
	Recovery string `toml:"recovery"`
}

// said is one thing that a person wrote, line by line.
type said struct {
	Label string
	Lines []string
}

// requestPage is what the template of a request shows.
type requestPage struct {
	Says    request
	Said    []said
	Facts   []fact
	Service string
}

// request puts a request for help into words. There is no HTML part: in plain
// text nothing of a stranger's can act.
func (c *catalogs) request(one catalog, m delivery.Message, service string) (page, error) {
	shown := requestPage{Says: one.Request, Service: service}
	quote := func(label, text string) {
		if text != "" {
			shown.Said = append(shown.Said, said{label, quoted(text)})
		}
	}
	quote(one.Request.Name, m.Caller.Name)
	quote(one.Request.Phone, m.Caller.Phone)
	quote(one.Request.Email, m.Caller.Email)
	quote(one.Request.Login, m.Login)
	quote(one.Request.Message, m.Caller.Message)
	shown.Facts = one.facts(m)
	for _, f := range []fact{{one.Request.Language, m.CallerLanguage}, {one.Request.Recovery, m.Recovery}} {
		if f.Value != "" {
			shown.Facts = append(shown.Facts, fact{f.Label, printable(f.Value)})
		}
	}
	var text strings.Builder
	if err := c.requestText.Execute(&text, shown); err != nil {
		return page{}, fmt.Errorf("%w: render the request: %w", delivery.ErrPermanent, err)
	}
	subject := strings.NewReplacer("{service}", service, "{reference}", printable(m.Reference)).Replace(one.Request.Subject)
	return page{Language: one.tag.String(), Subject: subject, ReplyTo: m.Caller.Email, text: text.String()}, nil
}

// quotedWidth is the longest line of a stranger's text, in characters. A longer
// one would be wrapped by the program that shows it, and what is wrapped has no
// sign of the quotation in front.
const quotedWidth = 64

// quoted breaks a text into short lines without anything that is not printed.
func quoted(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = printable(strings.TrimRight(line, "\r"))
		for utf8.RuneCountInString(line) > quotedWidth {
			end := runesEnd(line, quotedWidth)
			if space := strings.LastIndexByte(line[:end], ' '); space > 0 {
				end = space + 1
			}
			lines, line = append(lines, strings.TrimRight(line[:end], " ")), line[end:]
		}
		lines = append(lines, line)
	}
	return lines
}

// runesEnd is where the first n characters of a longer text end.
func runesEnd(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}
