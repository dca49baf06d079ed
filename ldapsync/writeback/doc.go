// Package writeback owns the way of contacts from their cards into the directory,
// where somebody wants them kept there.
//
// Rules:
//   - Only contacts of the configured sources go, each as one value that is added.
//     Nothing is ever replaced: what others wrote stays, and where an attribute
//     takes one value and has another, nothing is written.
//   - Only a value that Latchkey wrote is taken away again. The card says which
//     those are, and is told before the directory is: what a crash left open, a
//     look at the entry settles.
//   - Values are compared in the normal forms of package contact.
//   - The identity that writes is another one than that of the passwords, and may
//     send nothing but single values of the configured attributes (package
//     directory).
//   - What came from here is no contact of the directory: a synchronization passes
//     over it, also a day after it was taken away.
//   - One leads; whoever was replaced changes no card any more, and asks before
//     each write.
//   - Values are in no log, no metric, no report and no audit.
package writeback
