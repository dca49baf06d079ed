package store

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Prefix stands in front of every key, so that an ACL can name them:
// "~latchkey:*" (the braces of a hash tag come after it).
const Prefix = "latchkey:"

// CardBuckets is the number of hash tags over which contact cards spread.
const CardBuckets = 64

// Hot names a key of the hot state: Hot("recovery", id).
func Hot(parts ...string) string { return Prefix + "{hot}:" + strings.Join(parts, ":") }

// Card names the contact card of a person, whose index the keyring made.
func Card(index string) string {
	h := fnv.New32a()
	h.Write([]byte(index))
	return fmt.Sprintf("%s{c%02d}:card:%s", Prefix, h.Sum32()%CardBuckets, index)
}

// CardPattern matches all contact cards.
const CardPattern = Prefix + "{c*}:card:*"

// metaKey holds the epoch and the keyring's fingerprint.
func metaKey() string { return Hot("meta") }
