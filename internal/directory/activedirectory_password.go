package directory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

const unicodePwd = "unicodePwd"

// The control that makes a reset obey the history ([MS-ADTS] 3.1.1.3.4.1.27),
// and the one of before with the same value.
const (
	policyHintsOID    = "1.2.840.113556.1.4.2239"
	policyHintsOldOID = "1.2.840.113556.1.4.2066"
)

// hintsOf returns the control that a server lists; empty where it lists neither.
// A server is never tried: Samba answers critical controls that it does not know
// with success.
func hintsOf(root *ldap.Entry) string {
	if root != nil {
		for _, oid := range []string{policyHintsOID, policyHintsOldOID} {
			if lists(root, "supportedControl", oid) {
				return oid
			}
		}
	}
	return ""
}

var errNoHints = errors.New("the server does not list the control of policy hints, so that a reset could bring back an earlier password: update Windows on it, or set require_policy_hints to false")

// demands: all else is told by what the server answers.
func (f activeDirectory) demands(root *ldap.Entry) error {
	if f.needsHints && hintsOf(root) == "" {
		return errNoHints
	}
	return nil
}

// cautions are for operators who have not chosen what to do without hints.
func (activeDirectory) cautions(root, _ *ldap.Entry, c Config) []string {
	if hintsOf(root) == "" && Strategy(c.WriteStrategy) != TemporaryFirst {
		return []string{`the server does not list the control of policy hints: a reset there may bring back an earlier password; write_strategy = "temporary-then-change" keeps the history, require_policy_hints = true refuses the server`}
	}
	return nil
}

// forgetsHistory tells whether a reset on a server goes past the history.
func (activeDirectory) forgetsHistory(root *ldap.Entry) bool { return hintsOf(root) == "" }

// setPassword does all in one Modify, to the entry with the id whatever its name
// is by now.
func (f activeDirectory) setPassword(l *ldap.Conn, w passwordWrite) error {
	if err := f.demands(w.root); err != nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	changes := []change{{operation: Reset, attribute: unicodePwd, kind: "replace", values: []string{quoted(w.password)}}}
	if w.unlock {
		changes = append(changes, change{operation: Reset, attribute: lockoutTime, kind: "replace", values: []string{noLock}})
	}
	if w.mustChange {
		changes = append(changes, change{operation: MustChange, attribute: pwdLastSet, kind: "replace", values: []string{flaggedStamp}})
	}
	return f.send(l, w, changes)
}

// setTemporary sets a password that the person never has, in force until
// changePassword replaces it. The flag goes with it because it waives a minimum
// age.
func (f activeDirectory) setTemporary(l *ldap.Conn, w passwordWrite) error {
	changes := []change{
		{operation: TemporaryThenChange, attribute: unicodePwd, kind: "replace", values: []string{quoted(w.password)}},
		{operation: TemporaryThenChange, attribute: pwdLastSet, kind: "replace", values: []string{flaggedStamp}},
	}
	if w.unlock {
		changes = append(changes, change{operation: Reset, attribute: lockoutTime, kind: "replace", values: []string{noLock}})
	}
	return f.send(l, w, changes)
}

// letsIn: whoever must change the password is not let in.
func (activeDirectory) letsIn() bool { return false }

// changePassword is the person's own change, whoever is bound: the old password
// is the proof, and the directory counts a wrong one.
func (f activeDirectory) changePassword(l *ldap.Conn, w passwordWrite, old string, _ bool) error {
	w.old = old
	return f.send(l, w, []change{
		{operation: OwnChange, attribute: unicodePwd, kind: "delete", values: []string{quoted(old)}},
		{operation: OwnChange, attribute: unicodePwd, kind: "add", values: []string{quoted(w.password)}},
	})
}

// send makes changes in one Modify, all or none of them.
func (f activeDirectory) send(l *ldap.Conn, w passwordWrite, changes []change) error {
	for _, password := range []string{w.password, w.old} {
		if !utf8.ValidString(password) {
			return &RefusedError{Reasons: []Reason{NotComplex}, Detail: "a password that is not UTF-8 is never sent"}
		}
	}
	if _, encrypted := l.TLSConnectionState(); !encrypted {
		return fmt.Errorf("%w: %w", ErrNotAllowed, errInClear)
	}
	request := ldap.NewModifyRequest(guidName(w.id), nil)
	for _, c := range changes {
		if !c.isIn(f.permissions()) {
			return fmt.Errorf("%w: %w", ErrNotAllowed, errNotListed)
		}
		c.addTo(request)
	}
	if oid := hintsOf(w.root); oid != "" && slices.ContainsFunc(changes, isReset) {
		request.Controls = append(request.Controls, policyHints{oid})
	}
	return judgeActiveDirectory(l.Modify(request), w.password, w.old)
}

// isReset tells a reset from a change, which obeys the history by itself.
func isReset(c change) bool { return c.attribute == unicodePwd && c.kind == "replace" }

// quoted returns a value of unicodePwd: the password in quotation marks, as
// UTF-16 ([MS-ADTS] 3.1.1.3.1.5.1). What is inside is not escaped.
func quoted(password string) string {
	units := utf16.Encode([]rune(`"` + password + `"`))
	value := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		value = binary.LittleEndian.AppendUint16(value, unit)
	}
	return string(value)
}

// policyHints is critical, with the value SEQUENCE { Flags INTEGER }.
type policyHints struct{ oid string }

// GetControlType is part of ldap.Control.
func (h policyHints) GetControlType() string { return h.oid }

// Encode builds the control.
func (h policyHints) Encode() *ber.Packet {
	value := ber.NewSequence("PolicyHintsRequestValue")
	value.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "Flags"))
	return ldap.NewControlString(h.oid, true, string(value.Bytes())).Encode()
}

// String is for go-ldap's own debugging.
func (h policyHints) String() string { return "policy hints" }
