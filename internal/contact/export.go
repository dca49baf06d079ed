package contact

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
)

// WriteCSV writes cards so that [ParseCSV] reads them back: a person with
// several contacts of a kind has several rows. login gives the login of a
// person; a person for whom it returns [ErrUnknownLogin] is left out and
// counted. Where a contact came from is not written.
//
// Cells that a spreadsheet would take for a formula have an apostrophe in
// front. Numbers begin with +, so they all have one; import takes it off.
func WriteCSV(w io.Writer, cards iter.Seq2[Card, error], login func(directory, person string) (string, error)) (skipped int, err error) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write([]string{columnLogin, columnEmail, columnMobile, columnDirectory}); err != nil {
		return 0, fmt.Errorf("write the contacts: %w", err)
	}
	for card, err := range cards {
		if err != nil {
			return skipped, err
		}
		name, err := login(card.Directory, card.Person)
		if errors.Is(err, ErrUnknownLogin) {
			skipped++
			continue
		}
		if err != nil {
			return skipped, err
		}
		if err := writeCard(out, name, card); err != nil {
			return skipped, fmt.Errorf("write the contacts: %w", err)
		}
	}
	out.Flush()
	return skipped, out.Error()
}

func writeCard(out *csv.Writer, login string, card Card) error {
	addresses, numbers := card.Of(Email), card.Of(Mobile)
	for i := range max(len(addresses), len(numbers)) {
		row := []string{escape(login), "", "", escape(card.Directory)}
		if i < len(addresses) {
			row[1] = escape(addresses[i].Value)
		}
		if i < len(numbers) {
			row[2] = escape(numbers[i].Value)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	return nil
}
