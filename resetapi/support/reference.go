package support

import (
	"crypto/rand"
	"strings"
)

// signs are those that nobody confuses over the telephone or in a bad script:
// neither O and 0 nor I and 1 are among them. There are 32, so that a byte gives
// each with the same chance.
const signs = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// referenceLength is the number of signs in a reference number.
const referenceLength = 8

func newReference() string {
	random := make([]byte, referenceLength)
	_, _ = rand.Read(random) // never fails
	for i, b := range random {
		random[i] = signs[int(b)%len(signs)]
	}
	return string(random)
}

// IsReference reports whether a text can be a reference number.
func IsReference(s string) bool { return len(s) == referenceLength && strings.Trim(s, signs) == "" }

// Spoken is a reference number as people read it out: "K7MP 2XQ4".
func Spoken(reference string) string {
	if !IsReference(reference) {
		return reference
	}
	return reference[:referenceLength/2] + " " + reference[referenceLength/2:]
}
