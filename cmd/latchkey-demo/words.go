package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// rules are what a new password needs.
const rules = "A new one needs 10 characters, and must not be one of the last three."

// explain says whom to be and where to click.
func explain(out io.Writer, o options, dir string) {
	fmt.Fprintf(out, `
This is a demonstration of Latchkey. Nobody in it is real, nothing leaves this
machine, and everything is gone when you press Ctrl-C.

  1. Open the inbox         http://%[2]s
     It shows every mail and SMS that is sent.
  2. Open the wizard        http://%[1]s
     Type the user name alice, and choose mail or SMS.
  3. Copy the code from the inbox, and set a new password. %[3]s
     The old one is %[4]s.
  4. See in the inbox, and here, that the directory lets alice in with the new
     password and no longer with the old one.

You can also be:

`, o.addr, o.inbox, "\n     "+rules, firstPassword)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range people()[1:] {
		fmt.Fprintf(table, "  %s\t%s\n\t  %s\n", p.login, p.who, p.happens)
	}
	_ = table.Flush()
	fmt.Fprintf(out, `
The configuration, the log and the audit are in %s.
The commands work on them too, in another terminal; the second one has more to
tell once alice has a new password:

  go run ./cmd/latchkey --config %[1]s/latchkey.toml policy explain admin
  go run ./cmd/latchkey --config %[1]s/latchkey.toml audit search --login alice
`, dir)
}
