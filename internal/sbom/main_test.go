package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"slices"
	"testing"
)

// TestS72_BillOfMaterials: every module of a program is in its bill, with
// version and checksum, and the same program has the same bill.
func TestS72_BillOfMaterials(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.0", Path: "latchkey/cmd/latchkey", Main: debug.Module{Path: "latchkey", Version: "v1.2.3"},
		Deps: []*debug.Module{
			{Path: "example.org/a", Version: "v1.0.0", Sum: "h1:a="},
			{Path: "example.org/b", Version: "v2.0.0", Replace: &debug.Module{Path: "example.org/c", Version: "v3.0.0", Sum: "h1:c="}},
		},
	}
	bill := billOf(info)
	var found []string
	for _, c := range bill.Components {
		found = append(found, c.PURL)
	}
	want := []string{"pkg:golang/std@go1.26.0", "pkg:golang/example.org/a@v1.0.0", "pkg:golang/example.org/c@v3.0.0"}
	if !slices.Equal(found, want) || bill.Components[2].Properties[0].Value != "h1:c=" || bill.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("the bill is %+v", bill)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run([]string{self}, out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) || !json.Valid(first.Bytes()) {
		t.Errorf("two bills of one program:\n%s\n%s", &first, &second)
	}
	if err := run([]string{"main.go"}, &first); err == nil {
		t.Error("a text has a bill")
	}
}
