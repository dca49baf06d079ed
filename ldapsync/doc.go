// Package ldapsync owns the way of contacts from the directory into contact
// cards: which attributes hold them, what may become a contact, and when a
// contact that the directory no longer has is removed.
//
// Rules:
//   - The owner of a card is the entry's permanent id in the form of
//     directory.ID. A renamed or moved entry keeps its card; one that is deleted
//     and made anew under the same login begins without contacts.
//   - A synchronization touches contacts of the source "sync" only. What people,
//     staff or a file brought in stays.
//   - Contacts are taken in the normal forms of package contact or not at all.
//     The mailbox that the forgotten password opens is no alternate contact:
//     corporate domains are refused always, the attribute mail and its values
//     unless that is allowed.
//   - Only a whole pass over the directory removes contacts, only up to a limit,
//     and an empty one never. Additions and replacements need no whole pass.
//   - A directory that is followed is a stream of changes from a Source. Only a
//     source that told of everyone on one connection ends a pass; whom nobody named
//     is told by the number of the pass in the marks beside the cards.
//   - The cursor is written behind its batch, so that whatever ends the process
//     repeats one batch and loses none.
//   - One leads; whoever was replaced writes nothing.
//   - What is held in memory of a stream is a batch. Of a single pass it is a
//     page of entries, and 16 bytes for each person and each contact in it.
//   - Values are in no log and no report; refused ones are told by the entry's
//     id and the attribute.
//
// Standards: RFC 2696 (paged results), RFC 4530 (entryUUID), RFC 4533 (content
// synchronization), draft-ietf-ldapext-psearch-03 (persistent search), [MS-ADTS]
// 3.1.1.3.4.1.3 (DirSync).
package ldapsync
