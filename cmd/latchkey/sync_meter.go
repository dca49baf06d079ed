package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/ldapsync"
)

const (
	barWidth = 30
	// plainEvery is the time between two lines where there is no terminal.
	plainEvery = 10 * time.Second
)

// meter shows how far a synchronization is: a bar on a terminal that is drawn
// over and over, and a line now and then elsewhere.
type meter struct {
	out      io.Writer
	terminal bool
	last     time.Duration
}

func newMeter(out io.Writer) *meter { return &meter{out: out, terminal: isTerminal(out)} }

// isTerminal reports whether a person is looking.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func (m *meter) show(p ldapsync.Progress) {
	line := progressLine(p)
	switch {
	case m.terminal:
		fmt.Fprintf(m.out, "\r\x1b[K%s", line)
	case p.Elapsed-m.last >= plainEvery:
		m.last = p.Elapsed
		fmt.Fprintln(m.out, line)
	}
}

// clear takes the bar away.
func (m *meter) clear() {
	if m.terminal {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// progressLine tells the number, the rate and, where the directory says how many
// there are, a bar and the time that is left.
func progressLine(p ldapsync.Progress) string {
	rate := float64(p.People) / max(p.Elapsed.Seconds(), 0.001)
	if p.Estimate < p.People || p.Estimate == 0 {
		return fmt.Sprintf("%d people, %.0f/s", p.People, rate)
	}
	full := barWidth * p.People / p.Estimate
	left := time.Duration(float64(p.Estimate-p.People) / max(rate, 0.001) * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("[%s%s] %d of about %d people, %.0f/s, %v left", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), p.People, p.Estimate, rate, left)
}
