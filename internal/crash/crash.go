//go:build !faults

// Package crash owns the named places at which a build for fault tests (tag
// faults) can be made to die as by a power cut. In every other build a place
// is an empty function that the compiler removes.
package crash

// Here marks a place. In a build with the tag faults the process dies at the
// place that the environment variable CRASH_AT names.
func Here(string) {}
