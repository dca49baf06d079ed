// Package blackbox holds the tests of the whole product: `latchkey serve` as a
// process, with a real slapd, a real redis-server and a real mail server, used
// through nothing but its public surface.
//
// After every password write the directory is asked with the old and the new
// password. Lifetimes are made short by configuration; no test sleeps.
package blackbox
