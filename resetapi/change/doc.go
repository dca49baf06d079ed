// Package change owns the change of a password by somebody who knows it, also one
// that has expired or must be changed: no recovery, no code, no gate. The old
// password is the proof, and the directory judges it like a sign-in.
//
// Rules:
//   - A login that does not exist, a wrong password, an account that is off or
//     locked, a login that means two people, and a person whom no policy names
//     are one answer, [ErrWrong], byte for byte. Only who gave the right password
//     learns why a new one was refused.
//   - An answer that is no success comes at a multiple of answer_after from the
//     arrival, with jitter, whatever was found. Work that takes longer than that
//     shows in the multiple; docs/change.md says so.
//   - Tries are counted by address, network, typed login and in all before the directory
//     is asked, and by person before a password is compared. The limits on login
//     and person stay below what locks an account there, so that nobody can lock
//     others out through this page. That on the person is silent: [ErrWrong].
//   - Our own checks of the new password come before everything else: they look
//     at what was typed and at nothing else.
//   - Between the proof and the write: the person's lock, the pending notice and
//     the intent in the audit. What is not in the audit is not written.
//   - Everyone may whom the directory lets, protected accounts too: they prove the
//     password to the directory itself. The service account never may, and nobody
//     for whom self-service is stopped.
//
// Standards: NIST SP 800-63B-4 §3.1.1.2 and §4.6, OWASP ASVS 5.0 V6.2.2, V6.2.3,
// V6.3.1 and V6.3.8.
package change
