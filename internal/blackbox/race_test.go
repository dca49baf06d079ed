//go:build race

package blackbox

// buildFlags make the program under test what the test is.
var buildFlags = []string{"-race"}
