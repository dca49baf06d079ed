package main

import (
	"strings"
	"testing"
	"time"

	"latchkey/ldapsync"
)

// What is not in order is said, until it is.
func TestProblemsOfASynchronization(t *testing.T) {
	now := time.Now()
	inStep := func(change func(*ldapsync.Status)) *ldapsync.Status {
		s := &ldapsync.Status{Pass: 1, InStepAt: now, FullAt: now}
		if change != nil {
			change(s)
		}
		return s
	}
	for name, test := range map[string]struct {
		status directoryStatus
		want   string // empty: all is in order
	}{
		"in step":      {directoryStatus{Follow: true, Led: true, Following: inStep(nil)}, ""},
		"nobody leads": {directoryStatus{Follow: true, Following: inStep(nil)}, "no server follows it"},
		"not begun":    {directoryStatus{Follow: true, Led: true}, "for the first time"},
		"begun":        {directoryStatus{Follow: true, Led: true, Following: &ldapsync.Status{Pass: 1, ChangedAt: now}}, "for the first time"},
		"the first broke off": {
			directoryStatus{Follow: true, Led: true, Following: &ldapsync.Status{Pass: 1, Failure: "the directory is away", FailureAt: now}}, "the directory is away",
		},
		"a later one broke off": {
			directoryStatus{Follow: true, Led: true, Following: inStep(func(s *ldapsync.Status) { s.Failure, s.FailureAt = "it went", now.Add(time.Second) })}, "it went",
		},
		"it came back": {
			directoryStatus{Follow: true, Led: true, Following: inStep(func(s *ldapsync.Status) { s.Failure, s.FailureAt = "it went", now.Add(-time.Second) })}, "",
		},
		"it asks": {
			directoryStatus{Follow: true, Led: true, Following: inStep(func(s *ldapsync.Status) { s.Waiting = &ldapsync.Waiting{Reason: ldapsync.TooMany} })}, "sync approve",
		},
		"never once": {directoryStatus{}, "sync --once"},
	} {
		got := test.status.problem()
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
