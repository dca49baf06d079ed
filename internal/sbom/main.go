// Command sbom writes the bill of materials of a program: which modules, in
// which versions, are built into it. It reads them from the program itself,
// where the Go linker puts them, so that nothing can be forgotten.
//
//	go run ./internal/sbom bin/latchkey > bin/latchkey.cdx.json
//
// The form is CycloneDX 1.6 in JSON (ECMA-424). The same program gives the same
// bytes: there is no time and no serial number in them.
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

type document struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want the path of one program, not %d", len(args))
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read what %s is built of: %w", args[0], err)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(billOf(info))
}

func billOf(info *debug.BuildInfo) document {
	d := document{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{component{Type: "application", Name: info.Path, Version: info.Main.Version}},
		Components: []component{{
			Type: "framework", Name: "std", Version: info.GoVersion, PURL: "pkg:golang/std@" + info.GoVersion,
		}},
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		d.Components = append(d.Components, component{
			Type: "library", Name: module.Path, Version: module.Version, PURL: "pkg:golang/" + module.Path + "@" + module.Version,
			Properties: []property{{"go.sum", module.Sum}},
		})
	}
	return d
}
