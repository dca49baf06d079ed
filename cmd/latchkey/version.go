package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

func (versionCommand) Run(app *application) error {
	_, err := fmt.Fprintf(app.out, "latchkey %s (%s)\n", shownVersion(), runtime.Version())
	return err
}

// shownVersion is the version set at link time, or the module's.
func shownVersion() string {
	var module string
	if info, ok := debug.ReadBuildInfo(); ok {
		module = info.Main.Version
	}
	return cmp.Or(version, module, "unknown")
}
