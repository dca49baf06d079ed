package inbox

import (
	"regexp"
	"strings"
)

// special is what is marked in a text: an address of the web, or a code of
// eight digits, which mails write as two groups.
var special = regexp.MustCompile(`https?://[^\s<>"]+|\b\d{4} ?\d{4}\b`)

// piece is a part of a text: plain, a link or a code.
type piece struct {
	Text       string
	Link, Code bool
}

// pieces takes a text apart.
func pieces(text string) []piece {
	var all []piece
	for text != "" {
		at := special.FindStringIndex(text)
		if at == nil {
			return append(all, piece{Text: text})
		}
		found := text[at[0]:at[1]]
		link := strings.Contains(found, "://")
		if link {
			found = strings.TrimRight(found, ".,;:!?)")
		}
		if at[0] > 0 {
			all = append(all, piece{Text: text[:at[0]]})
		}
		all = append(all, piece{Text: found, Link: link, Code: !link})
		text = text[at[0]+len(found):]
	}
	return all
}
