package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (versionCommand) lesson() lesson {
	return lesson{examples: []string{"latchkey version", "latchkey version --json # {\"version\":...,\"go_version\":...}"}}
}

func (c versionCommand) Run(app *application) error {
	if c.JSON {
		return printJSON(app.out, struct {
			Version   string `json:"version"`
			GoVersion string `json:"go_version"`
		}{shownVersion(), runtime.Version()})
	}
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
