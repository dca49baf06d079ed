package config

import _ "embed"

//go:embed example.toml
var example []byte

// Example returns the file that `latchkey config init` writes: every key with
// its default and what it means.
func Example() []byte { return append([]byte(nil), example...) }
