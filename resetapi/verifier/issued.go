// Package verifier owns the gates: one file for each kind of verification that
// a recovery can ask for.
//
// An issued recovery code (NIST SP 800-63B-4 §4.2.1.2) is eight random digits,
// 26.6 bits. It exists in clear only inside the sealed delivery job; what is
// kept to compare with is a keyed MAC over code, recovery, challenge and
// method, so that a code is useless anywhere else and the store alone tells
// nothing.
package verifier

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"

	"latchkey/internal/keyring"
)

// digits is the length of a code. SECURITY's arithmetic: with eight digits and
// 1,000 wrong codes an hour allowed in all, one account in about eleven years.
const digits = 8

// Issued makes and checks issued recovery codes.
type Issued struct{ keys *keyring.Ring }

// NewIssued returns the verifier of issued recovery codes.
func NewIssued(keys *keyring.Ring) *Issued { return &Issued{keys: keys} }

// Issue returns a new code and the MAC to keep of it. All codes are equally
// likely.
func (v *Issued) Issue(recovery, challenge, method string) (code string, mac []byte) {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		panic(err) // crypto/rand.Reader never fails
	}
	code = fmt.Sprintf("%0*d", digits, n)
	return code, v.keys.MAC(keyring.Codes, recovery, challenge, method, code)
}

// Check reports in constant time whether code is the one that mac was made of.
// Spaces and hyphens between digits are allowed, as people copy them.
func (v *Issued) Check(recovery, challenge, method string, mac []byte, code string) bool {
	plain, ok := Plain(code)
	return v.keys.CheckMAC(keyring.Codes, mac, recovery, challenge, method, plain) && ok
}

// Plain takes the spaces and hyphens out of a typed code and reports whether
// eight ASCII digits remain.
func Plain(code string) (string, bool) {
	if len(code) > 4*digits {
		return "", false
	}
	plain := strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(code)
	if len(plain) != digits {
		return "", false
	}
	for _, c := range plain {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return plain, true
}
