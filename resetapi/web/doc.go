// Package web owns the pages: the wizard as plain server-rendered HTML for
// somebody who is locked out and in a hurry.
//
// Rules:
//   - There is no JavaScript, no inline style and nothing from another site, so
//     that the strictest Content-Security-Policy holds.
//   - No GET or HEAD changes anything. A form answers 303, to the next page when
//     it worked and to its own when it was refused, so that no page that people
//     go back to or reload is the answer to a form. Only what is no use of the
//     page at all (a form that cannot be read, a fault of ours) is answered with
//     its status. The form for support is the one exception: refused, it is shown
//     again with its status and what was typed, since a long message is cruel to
//     lose and can be kept nowhere.
//   - The ways to get help are on every page, after the same wait for everyone.
//     The wait is an animation of the style alone; where something went wrong
//     there is none.
//   - What was wrong with a form travels to its page in a second cookie, for a
//     minute: which page, a number, and keys of sentences, never a sentence and
//     never what was typed. The next page that is shown takes it back, and says
//     it when it is the one. It is not signed, since all that it can do is
//     choose among our own sentences. It is the same for everyone, and set by
//     every form, which makes browsers drop the pages that they keep in memory.
//   - The recovery is in the cookie and nowhere else: no URL holds an id, a
//     token, a code or a login. The cookie gets a new value when a recovery
//     begins and with each proof; a value that the browser brought is never
//     taken over. It stays until the browser is closed or another recovery
//     begins, so that the last page can be loaded again; by then it opens
//     nothing.
//   - A page that does not fit the state of the recovery redirects to the one
//     that does: going back, reloading, a second tab and waiting too long all
//     end at a page that makes sense.
//   - No page shows anything that depends on whether an account exists.
//   - Every sentence is in the catalogs, one file a language. Errors become
//     sentences by the type of their [problem.Problem] only. Times are told as
//     durations, by the store's clock: nobody's time zone is known here.
//
// Each page has one handler file and one template. Standards: RFC 6265bis
// (cookies), RFC 9110 (methods and status codes), WCAG 2.2 AA.
package web
