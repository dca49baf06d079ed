package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"latchkey/internal/finding"
)

// sign is how a state is shown.
func sign(s finding.State) string {
	return map[finding.State]string{finding.Good: "✓", finding.Warning: "!", finding.Failed: "✗", finding.Skipped: "–"}[s]
}

// printFindings prints a table for each piece, and behind all of them how to
// mend what is to be mended. Commands stand at the beginning of lines, so that
// they can be copied.
func printFindings(out io.Writer, findings []finding.Finding) error {
	width := 0
	for _, f := range findings {
		width = max(width, utf8.RuneCountInString(f.Check))
	}
	var table, fixes strings.Builder
	numbers := make(map[[2]string]int)
	counts := make(map[finding.State]int)
	piece := ""
	for _, f := range findings {
		if f.Piece != piece {
			piece = f.Piece
			table.WriteString(printable(piece) + "\n")
		}
		counts[f.State]++
		fmt.Fprintf(&table, "  %s %-*s  %s", sign(f.State), width, printable(f.Check), printable(f.Finding))
		if f.Fix != "" {
			same := [2]string{f.Piece, f.Fix}
			if numbers[same] == 0 {
				numbers[same] = len(numbers) + 1
				fmt.Fprintf(&fixes, "\n[%d] %s: %s\n%s\n", numbers[same], printable(f.Piece), printable(f.Check), printableLines(f.Fix))
			}
			fmt.Fprintf(&table, " [%d]", numbers[same])
		}
		table.WriteString("\n")
	}
	_, err := fmt.Fprintf(out, "%s%s\n%d ✓, %d !, %d ✗, %d –\n", table.String(), fixes.String(),
		counts[finding.Good], counts[finding.Warning], counts[finding.Failed], counts[finding.Skipped])
	return err
}
