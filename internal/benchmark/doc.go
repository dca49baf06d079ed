// Package benchmark owns `make bench`: what a complete reset through the HTTP
// API costs, beside the bare write of a password into the same directory: Password
// Modify (RFC 3062), or unicodePwd on Active Directory.
//
// Rules:
//   - Everything is real and of this machine: directories that wait for their
//     disk, redis-server with an append-only file, `latchkey serve` as a process of
//     its own. Only the mail server is not there: a build for measuring hands
//     the codes to the load generator (package resetapi/delivery/bench).
//   - Both sides of a ratio take turns in short slices, with the same number of
//     connections, the same entries and the same password policy, whose history
//     is full before the first slice.
//   - A slice is over when everything that belongs to its resets is done, the
//     notices too; that time and that work count.
//   - Nothing counts that is not checked: the server's own count of writes, the
//     codes and the notices must agree with the count of resets, and afterwards
//     each person signs in with the last password.
//   - Limits and waits are raised by configuration, and the report says which.
//
// Work is told in time of processors (proc(5)), in commands and bytes of Redis
// (INFO): those carry further than rates, which are of this machine only.
package benchmark
