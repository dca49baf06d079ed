package store

import "strings"

// Prefix stands in front of every key, so that an ACL can name them:
// "~latchkey:*" (the braces of a hash tag come after it).
const Prefix = "latchkey:"

// CardBuckets is the number of hash tags over which contact cards spread.
const CardBuckets = 64

// Hot names a key of the hot state: Hot("recovery", id).
func Hot(parts ...string) string { return Prefix + "{hot}:" + strings.Join(parts, ":") }

// Card names the contact card of a person, whose index the keyring made.
func Card(index string) string {
	bucket := bucketOf(index)
	return Prefix + "{c" + string([]byte{'0' + byte(bucket/10), '0' + byte(bucket%10)}) + "}:card:" + index
}

// IndexOf is the index of the name of a card.
func IndexOf(card string) string { return card[strings.LastIndexByte(card, ':')+1:] }

// bucketOf is the bucket of a card.
func bucketOf(index string) int {
	// FNV-1a, for which hash/fnv would allocate.
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := range len(index) {
		h = (h ^ uint32(index[i])) * prime
	}
	return int(h % CardBuckets)
}

// CardPattern matches all contact cards.
const CardPattern = Prefix + "{c*}:card:*"

// metaKey holds the epoch and the keyring's fingerprint.
func metaKey() string { return Hot("meta") }
