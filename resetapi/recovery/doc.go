// Package recovery owns the attempt of one person to get back in: the state
// machine, its record in the store, and the service that the API and the pages
// both call.
//
// Rules:
//   - [Next] is the only way from one state to another. It is pure. A write
//     needs one stored proof for each gate, each by another method, bound to
//     this recovery, person and contact card; never "the step did not fail".
//   - The record is one sealed value in Redis, replaced by compare-and-swap.
//     Redis TIME is the only clock.
//   - A guess is counted before it is compared, exactly: by code, recovery,
//     person in a sliding day, and person in a row. A resend or a new recovery
//     refills nothing.
//   - Nothing is looked up on the path of an answer. A worker does it; a login
//     that does not exist, or may not reset, becomes a decoy that runs the same
//     commands and never passes a gate.
//   - Before the write the person is read again by the permanent id. A password,
//     account or contact that changed meanwhile ends the recovery, so that no
//     lost write of Redis can revive it.
//   - What its holder stopped by "that was not me", and what an operator froze,
//     is a refusal at the look-up and is looked at again last before the write.
//   - An unknown outcome is settled on the same server by a bind with the new
//     password for at most 30 seconds, afterwards by the change stamp.
//
// Standards: NIST SP 800-63B-4 §3.1.3.2 and §4.2 (issued recovery codes,
// throttling), OWASP ASVS 5.0 V6.5 and V2.3.
package recovery
