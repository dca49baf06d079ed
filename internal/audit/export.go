package audit

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
)

// columns are those of the CSV form.
var columns = []string{
	"time", "instance", "sequence", "kind", "recovery", "directory", "person", "method", "outcome", "reason",
	"request_id", "network", "by", "count", "through", "previous", "hash",
}

// WriteCSV writes lines with a header. Cells that a spreadsheet would take for
// a formula have an apostrophe in front.
func WriteCSV(w io.Writer, lines iter.Seq2[Line, error]) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	for line, err := range lines {
		if err != nil {
			return err
		}
		if err := out.Write(line.cells()); err != nil {
			return fmt.Errorf("write the audit: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

func (l Line) cells() []string {
	number := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatUint(n, 10)
	}
	cells := []string{
		l.Time.Format(time.RFC3339Nano), l.Instance, number(l.Sequence), l.Kind, l.Recovery, l.Directory, l.Person, l.Method,
		l.Outcome, l.Reason, l.RequestID, l.Network, l.By, number(l.Count), number(l.Through), l.Previous, l.Hash,
	}
	for i, cell := range cells {
		cells[i] = clean(cell)
		if acts(cells[i]) {
			cells[i] = "'" + cells[i]
		}
	}
	return cells
}

// acts reports whether a spreadsheet may take a cell for a formula; some pass
// over spaces in front, and some know wide letters.
func acts(cell string) bool {
	return strings.IndexAny(strings.TrimLeft(cell, " "), "=+-@'＝＋－＠") == 0
}
