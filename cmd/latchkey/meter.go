package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	barWidth = 30
	// plainEvery is the time between two lines where there is no terminal.
	plainEvery = 10 * time.Second
	// drawEvery is the time between two bars.
	drawEvery = 100 * time.Millisecond
)

// meter shows how far something long is: a bar on a terminal that is drawn
// over and over, and a line now and then elsewhere.
type meter struct {
	out      io.Writer
	terminal bool
	last     time.Duration
	// drawn: there is a bar on the terminal.
	drawn bool
}

func newMeter(out io.Writer) *meter { return &meter{out: out, terminal: isTerminal(out)} }

// listMeter is for commands that print a list meanwhile: where that goes to a
// terminal, nothing is drawn into it.
func (a *application) listMeter() *meter {
	if isTerminal(a.out.out) {
		return newMeter(io.Discard)
	}
	return newMeter(a.err)
}

// isTerminal reports whether a person is looking.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// progress is how far something is.
type progress struct {
	done int
	// estimate is how many there are; 0 where that is not known.
	estimate int
	elapsed  time.Duration
	// what is done, in the plural.
	what string
}

func (m *meter) show(p progress) {
	switch {
	case m.terminal && (!m.drawn || p.elapsed-m.last >= drawEvery):
		m.last, m.drawn = p.elapsed, true
		fmt.Fprintf(m.out, "\r\x1b[K%s", progressLine(p))
	case !m.terminal && p.elapsed-m.last >= plainEvery:
		m.last = p.elapsed
		fmt.Fprintln(m.out, progressLine(p))
	}
}

// clear takes the bar away.
func (m *meter) clear() {
	if m.drawn {
		m.drawn = false
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// progressLine tells the number, the rate and, where it is known how many there
// are, a bar and the time that is left.
func progressLine(p progress) string {
	rate := float64(p.done) / max(p.elapsed.Seconds(), 0.001)
	if p.estimate < p.done || p.estimate == 0 {
		return fmt.Sprintf("%d %s, %.0f/s", p.done, p.what, rate)
	}
	full := barWidth * p.done / p.estimate
	left := time.Duration(float64(p.estimate-p.done) / max(rate, 0.001) * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("[%s%s] %d of about %d %s, %.0f/s, %v left", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), p.done, p.estimate, p.what, rate, left)
}
