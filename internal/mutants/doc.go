// Command mutants proves that the tests of the rules can fail. Each mutant in
// list/*.toml breaks one rule in one place; the command builds the program with
// that break, without touching the tree, runs the test that the rule has, and
// expects it to fail.
//
//	go run ./internal/mutants [-run REGEXP] [-baseline]
//
// It prints a line for each mutant: the test, what was broken, the verdict.
//
//   - killed: the test failed, as it should.
//   - SURVIVED: the test passed, so it does not see the break.
//   - INVALID: the broken program does not build, or the test does not run.
//
// The exit status is 1 when a mutant was not killed.
package main
