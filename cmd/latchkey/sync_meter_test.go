package main

import (
	"bytes"
	"testing"
	"time"

	"latchkey/ldapsync"
)

func TestProgressLine(t *testing.T) {
	for want, p := range map[string]ldapsync.Progress{
		"500 people, 250/s":  {People: 500, Elapsed: 2 * time.Second},
		"500 people, 1000/s": {People: 500, Estimate: 400, Elapsed: time.Second / 2},
		"[###############...............] 500 of about 1000 people, 100/s, 5s left": {People: 500, Estimate: 1000, Elapsed: 5 * time.Second},
		"[##############################] 7 of about 7 people, 7000/s, 0s left":     {People: 7, Estimate: 7},
	} {
		if got := progressLine(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Elsewhere than on a terminal there is a line now and then, and no bar.
func TestMeterWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	m := newMeter(&out)
	for second := range 25 {
		m.show(ldapsync.Progress{People: second, Elapsed: time.Duration(second) * time.Second})
	}
	m.clear()
	if want := "10 people, 1/s\n20 people, 1/s\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
