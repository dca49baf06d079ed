package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"latchkey/internal/finding"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/recovery"
)

// fromHell are texts that would steer a terminal or turn a line around.
var fromHell = []string{
	"\x1b[2J\x1b]0;owned\x07", "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\", "\u009b31m", "a\rb", "a\r\nlatchkey: all is well", "a\x00b\x08\x7f", "\u202eecila", "\u2066x\u2069", "\u200b", "\xff\xfe", "\U000e0041",
}

// TestOutputIsInert: whatever a directory or Redis holds, what the commands
// print of it is only read.
func TestOutputIsInert(t *testing.T) {
	for _, evil := range fromHell {
		for name, show := range map[string]func(out io.Writer) error{
			"policy explain": (&explanation{Found: true, Person: evil, Directory: evil, State: evil, Rule: evil, Groups: []string{evil}, Gates: 1, Methods: []string{evil}, Because: evil}).print,
			"limits":         func(out io.Writer) error { return printUsed(out, []recovery.Used{{Limit: "starts", Of: evil}}) },
			"json":           func(out io.Writer) error { return printJSON(out, explanation{Login: evil, Groups: []string{evil}}) },
			"delivery list": func(out io.Writer) error {
				writeLetters(out, []delivery.Letter{{ID: evil, Kind: evil, Method: evil, Why: evil, Failure: evil}})
				writeWaiting(out, []delivery.Waiting{{ID: evil, Kind: evil, Method: evil, Failure: evil}})
				return nil
			},
			"doctor": func(out io.Writer) error {
				return printFindings(out, []finding.Finding{{Piece: evil, Check: evil, State: finding.Failed, Finding: evil, Fix: strings.ReplaceAll(evil, "\n", "")}})
			},
			"errors": func(out io.Writer) error {
				a := &application{out: &printer{out: out}, err: out}
				a.report(t.Context(), errors.Join(errors.New("one"), errors.New(strings.ReplaceAll(evil, "\n", ""))))
				return nil
			},
			"warnings": func(out io.Writer) error {
				slog.New(plainLog{out: out}).Warn(evil, "key", evil, "error", errors.New(evil))
				return nil
			},
		} {
			var out bytes.Buffer
			if err := show(&out); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) {
				t.Errorf("%s shows %q", name, out.String())
			}
			for line := range strings.Lines(out.String()) {
				if strings.HasPrefix(line, "latchkey: all is well") {
					t.Errorf("%s shows a line of somebody else: %q", name, out.String())
				}
			}
		}
	}
}
