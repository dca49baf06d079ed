package main

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

func (versionCommand) Run(app *application) error {
	name, compiler := version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		compiler = info.GoVersion
		if name == "" {
			name = info.Main.Version
		}
	}
	if name == "" {
		name = "unknown"
	}
	_, err := fmt.Fprintf(app.out, "latchkey %s (%s)\n", name, compiler)
	return err
}
