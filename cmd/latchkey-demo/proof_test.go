package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-demo/inbox"
)

// openForTest starts the embedded directory with a prover.
func openForTest(t *testing.T) (*demo, *prover, *strings.Builder) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &demo{inbox: new(inbox.Inbox), out: t.Output()}
	opened, err := d.openDirectory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); d.running.Wait() })
	out := new(strings.Builder)
	p := newProver(d.inbox, out)
	p.address, p.trust = opened.prover.address, opened.prover.trust
	return d, p, out
}

// TestSignsIn: the answers of the directory to everyone who is special, before
// anybody is reset.
func TestSignsIn(t *testing.T) {
	_, p, _ := openForTest(t)
	for _, test := range []struct {
		login, password string
		in              bool
	}{
		{"alice", firstPassword, true},
		{"alice", "something-Else-2", false},
		{"mustchange", firstPassword, true},
		{"locked", firstPassword, false},
		{"nobody", firstPassword, false},
	} {
		dn := person{login: test.login}.dn()
		in, err := signsIn(t.Context(), p.address, p.trust, dn, test.password)
		if err != nil || in != test.in {
			t.Errorf("%s with %q: %v, %v", test.login, test.password, in, err)
		}
	}
	if _, err := signsIn(t.Context(), p.address, p.trust, person{login: "alice"}.dn(), ""); err == nil {
		t.Error("an anonymous bind counts as an answer")
	}
	if _, err := signsIn(t.Context(), "127.0.0.1:1", p.trust, "", "x"); err == nil {
		t.Error("nobody answers, and that counts as an answer")
	}
}

// TestProofTellsTheTruth also where the directory does not have the password
// that was announced.
func TestProofTellsTheTruth(t *testing.T) {
	d, p, out := openForTest(t)
	const announced = "never-Written-3"
	p.prove(t.Context(), change{dn: person{login: "alice"}.dn(), password: announced})
	p.prove(t.Context(), change{dn: serviceDN, password: announced})
	text := out.String()
	if !strings.Contains(text, "old password: accepted") || !strings.Contains(text, "new password: refused") {
		t.Errorf("the terminal says:\n%s", text)
	}
	if strings.Contains(text, announced) || strings.Contains(text, firstPassword) || strings.Count(text, "new password for") != 1 {
		t.Errorf("the terminal says too much:\n%s", text)
	}
	items := d.inbox.Items()
	if len(items) != 1 || items[0].Checks[0].Right || items[0].Checks[1].Right {
		t.Errorf("the inbox has %+v", items)
	}
}

// TestChangedNeverWaits: the directory calls it from the middle of a write.
func TestChangedNeverWaits(t *testing.T) {
	p := newProver(new(inbox.Inbox), t.Output())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			p.changed("uid=x", "y")
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for somebody who looks")
	}
}
