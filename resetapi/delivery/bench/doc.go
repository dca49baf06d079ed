// Package bench owns what a build for measuring (tag bench) has in place of the
// mail server and the SMS gateway: a channel that hands each message, code
// included, to the load generator of package benchmark, and the profiler.
//
// Every other build is without it: this file alone is no part of the program,
// and a test in internal/house keeps it so.
package bench
