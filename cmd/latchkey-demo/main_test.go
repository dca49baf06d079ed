package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
)

// TestWrongUse says what to do instead.
func TestWrongUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"help":         {[]string{"-h"}, exitOK, []string{"-addr address", "-inbox-addr address", "127.0.0.1:8080"}},
		"a flag":       {[]string{"-verbose"}, exitUsage, []string{"-verbose", "-addr"}},
		"an argument":  {[]string{"serve"}, exitUsage, []string{`"serve" is not understood`}},
		"no address":   {[]string{"-addr", "8080"}, exitUsage, []string{"-addr 8080 is not an address", "127.0.0.1:8090"}},
		"everybody":    {[]string{"-inbox-addr", "0.0.0.0:8081"}, exitUsage, []string{"-inbox-addr 0.0.0.0:8081", "not on this machine only"}},
		"a taken port": {[]string{"-addr", taken.Addr().String()}, exitFailed, []string{"another program uses " + taken.Addr().String(), "bin/latchkey-demo -addr 127.0.0.1:0"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var out, errOut strings.Builder
			if code := command(ctx, test.args, &out, &errOut); code != test.code {
				t.Errorf("exits with %d, want %d", code, test.code)
			}
			for _, text := range test.says {
				if !strings.Contains(errOut.String(), text) {
					t.Errorf("does not say %q:\n%s", text, errOut.String())
				}
			}
		})
	}
}

// TestPeople: what is told of each can be true.
func TestPeople(t *testing.T) {
	rows, faults := contact.ParseCSV(strings.NewReader(contacts()), contact.Defaults())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, p := range people() {
		var numbers int
		for _, row := range rows {
			if row.Login == p.login && row.Mobile != "" {
				numbers++
			}
		}
		if p.mobile != (numbers == 1) {
			t.Errorf("%s has %d numbers on file", p.login, numbers)
		}
		if len(p.happens) > 75 {
			t.Errorf("what happens to %s does not fit into a line of a terminal", p.login)
		}
	}
	if !people()[0].email || !people()[0].mobile || people()[0].group != "" {
		t.Error("the first person is not the ordinary one")
	}
}
