package contact

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// WriteCSV writes cards so that [ParseCSV] reads them back: a person with
// several contacts of a kind has several rows. logins gives the logins of people
// of a directory, many at a time; a person for whom it has nothing is left out
// and counted, and so is one whose login nobody can type. Where a contact came
// from is not written, and one that may not be used at that time neither.
//
// Cells that a spreadsheet would take for a formula have an apostrophe in
// front. Numbers begin with +, so they all have one; import takes it off.
func WriteCSV(w io.Writer, at time.Time, cards iter.Seq2[Card, error], logins func(directory string, persons []string) ([]string, error)) (skipped int, err error) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write([]string{columnLogin, columnEmail, columnMobile, columnDirectory}); err != nil {
		return 0, fmt.Errorf("write the contacts: %w", err)
	}
	x := export{out: out, at: at, logins: logins, waiting: make(map[string][]Card)}
	for card, err := range cards {
		if err != nil {
			return x.skipped, err
		}
		x.waiting[card.Directory] = append(x.waiting[card.Directory], card)
		if len(x.waiting[card.Directory]) == batch {
			if err := x.write(card.Directory); err != nil {
				return x.skipped, err
			}
		}
	}
	for _, directory := range slices.Sorted(maps.Keys(x.waiting)) {
		if err := x.write(directory); err != nil {
			return x.skipped, err
		}
	}
	out.Flush()
	return x.skipped, out.Error()
}

// export is the writing of one file.
type export struct {
	out     *csv.Writer
	at      time.Time
	logins  func(directory string, persons []string) ([]string, error)
	waiting map[string][]Card
	skipped int
}

// write writes the cards of a directory that wait.
func (x *export) write(directory string) error {
	cards := x.waiting[directory]
	x.waiting[directory] = cards[:0]
	if len(cards) == 0 {
		return nil
	}
	persons := make([]string, len(cards))
	for i, card := range cards {
		persons[i] = card.Person
	}
	logins, err := x.logins(directory, persons)
	if err != nil {
		return err
	}
	for i, card := range cards {
		if !typable(logins[i]) {
			x.skipped++
			continue
		}
		if err := x.writeCard(logins[i], card); err != nil {
			return fmt.Errorf("write the contacts: %w", err)
		}
	}
	return nil
}

// typable reports whether a login can stand in a file; another one would come
// back as that of somebody else, for line breaks within a cell do not survive.
func typable(login string) bool {
	return strings.TrimSpace(login) != "" && utf8.ValidString(login) && !strings.ContainsFunc(login, unicode.IsControl)
}

func (x *export) writeCard(login string, card Card) error {
	addresses, numbers := card.Of(Email, x.at), card.Of(Mobile, x.at)
	for i := range max(len(addresses), len(numbers)) {
		row := []string{escape(login), "", "", escape(card.Directory)}
		if i < len(addresses) {
			row[1] = escape(addresses[i].Value)
		}
		if i < len(numbers) {
			row[2] = escape(numbers[i].Value)
		}
		if err := x.out.Write(row); err != nil {
			return err
		}
	}
	return nil
}
