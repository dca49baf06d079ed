package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	for want, p := range map[string]progress{
		"500 people, 250/s":  {done: 500, what: "people", elapsed: 2 * time.Second},
		"500 people, 1000/s": {done: 500, what: "people", estimate: 400, elapsed: time.Second / 2},
		"[###############...............] 500 of about 1000 people, 100/s, 5s left": {done: 500, what: "people", estimate: 1000, elapsed: 5 * time.Second},
		"[##############################] 7 of about 7 people, 7000/s, 0s left":     {done: 7, what: "people", estimate: 7},
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
		m.show(progress{done: second, what: "people", elapsed: time.Duration(second) * time.Second})
	}
	m.clear()
	if want := "10 people, 1/s\n20 people, 1/s\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// On a terminal one bar is drawn over and over, not too often, and goes away.
func TestMeterOnATerminal(t *testing.T) {
	var out bytes.Buffer
	m := &meter{out: &out, terminal: true}
	for i := range 100 {
		m.show(progress{done: i, estimate: 100, what: "people", elapsed: time.Duration(i) * 10 * time.Millisecond})
	}
	m.clear()
	m.clear()
	text := out.String()
	if n := strings.Count(text, "\r\x1b[K["); n != 10 {
		t.Errorf("%d bars in 990 ms, want 10: %q", n, text)
	}
	if !strings.HasSuffix(text, "left\r\x1b[K") || strings.Contains(text, "\n") {
		t.Errorf("the end is %q", text[max(0, len(text)-40):])
	}
	if !strings.Contains(text, "[###############...............] 50 of about 100 people, 100/s, 500ms left") && !strings.Contains(text, "50 of about 100 people, 100/s, 1s left") {
		t.Errorf("no bar for the half: %q", text)
	}
}
