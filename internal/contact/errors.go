package contact

import "errors"

// Why an address or number is refused. The texts go to an administrator who
// has the value at hand; they never repeat it.
var (
	// ErrNoContact means that there is nothing.
	ErrNoContact = errors.New("there is no address or number")
	// ErrNotOneAddress means that a text is not exactly one plain address.
	ErrNotOneAddress = errors.New("this is not one plain e-mail address such as name@example.org: no spaces, commas, names or brackets")
	// ErrLocalPart means that what stands before the @ is not usable.
	ErrLocalPart = errors.New("what stands before the @ must be unaccented letters, digits and !#$%&'*+-/=?^_`{|}~, with single dots in between")
	// ErrDomain means that what stands after the @ is no domain name.
	ErrDomain = errors.New("what stands after the @ is not a full, valid domain name such as example.org")
	// ErrAddressTooLong means that RFC 5321 §4.5.3.1 does not allow the length.
	ErrAddressTooLong = errors.New("the address is too long: 254 characters in all and 64 before the @ are the most")
	// ErrCorporate means that the mailbox may need the forgotten password.
	ErrCorporate = errors.New("this mailbox belongs to a domain of corporate_domains: it cannot be read without the password that is to be reset")

	// ErrNotANumber means that a text is not exactly one telephone number.
	ErrNotANumber = errors.New("this is not one telephone number: digits, spaces and . - / ( ) only, with a + in front for a country code, and no extension")
	// ErrNoRegion means that a number has no country code and no default applies.
	ErrNoRegion = errors.New("the number has no country code: write it with + and the country code, or set default_region")
	// ErrDoublePrefix means that a number has + and 0 or 00.
	ErrDoublePrefix = errors.New("the number has two prefixes: after + comes the country code, never 0 or 00")
	// ErrNumberInvalid means that nobody can have the number.
	ErrNumberInvalid = errors.New("no such number exists: too short, too long, or not given out in its country")
	// ErrSpecialNumber means that calling the number costs extra, or that it
	// belongs to a service rather than to a person.
	ErrSpecialNumber = errors.New("premium-rate, shared-cost, toll-free and other service numbers are not accepted")
	// ErrRegion means that a default region is not a country.
	ErrRegion = errors.New("the region must be two capital letters of ISO 3166-1, such as DE")
)

// What may be wrong with a card or a store of cards.
var (
	// ErrNoCard means that a person has no contacts.
	ErrNoCard = errors.New("the person has no contacts")
	// ErrCardUnreadable means that a card is there and does not open: it was
	// changed or moved, or the keyring is another one. It never means that the
	// person has no contacts.
	ErrCardUnreadable = errors.New("the contact card cannot be read: it was changed or moved, or sealed with a key that is gone")
	// ErrNewerCard means that a newer version of Latchkey wrote a card.
	ErrNewerCard = errors.New("the contact card was written by a newer version of Latchkey")
	// ErrBusy means that a card was changed by others over and over.
	ErrBusy = errors.New("the contact card is being changed by others: try again")
)
