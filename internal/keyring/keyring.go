// Package keyring owns the keys that live outside Redis: versioned keys for
// sealing (AEAD) and for keyed MACs, and one key that names things.
//
// A keyring is a small text file that `latchkey keys init` writes and only the
// service may read. Each line has a version number and 32 random bytes; the
// highest version seals, all versions open. From each the keys for the single
// purposes are derived with HKDF (RFC 5869), so that a value sealed for one
// purpose is useless for another. The line "index" never rotates: names of
// Redis keys are derived from it, and those must stay findable.
//
// Sealing is AES-256-GCM with a random nonce (NIST SP 800-38D §8.2.2: at most
// 2^32 messages a key; a purpose and version reach that after a century of one
// message a second). The associated data binds a value to its owner: moved to
// another owner it does not open.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Purpose names what a key is for. Two purposes never share a key.
type Purpose string

// The purposes in use. Their texts go into the derivation and never change.
const (
	Contacts Purpose = "contact card"
	Records  Purpose = "recovery record"
	Jobs     Purpose = "delivery job"
	Codes    Purpose = "issued recovery code"
	Tokens   Purpose = "recovery token"
)

// ErrNotOpened means that a sealed value could not be opened: it was changed,
// belongs to another owner or purpose, or was sealed with a key that is gone.
var ErrNotOpened = errors.New("sealed value cannot be opened with this keyring")

const (
	secretSize  = 32
	versionSize = 4
)

// Ring holds the keys. It is immutable and safe for concurrent use.
type Ring struct {
	index   []byte
	current uint32
	secrets map[uint32][]byte
	derived map[derivedID]derivedKeys
}

type derivedID struct {
	version uint32
	purpose Purpose
}

type derivedKeys struct {
	aead cipher.AEAD
	mac  []byte
}

// Generate returns a new ring with one version and a new index key.
func Generate() *Ring {
	index, secret := make([]byte, secretSize), make([]byte, secretSize)
	rand.Read(index)
	rand.Read(secret)
	ring, err := newRing(index, map[uint32][]byte{1: secret})
	if err != nil {
		panic(err) // constant sizes
	}
	return ring
}

func newRing(index []byte, secrets map[uint32][]byte) (*Ring, error) {
	r := &Ring{index: index, secrets: secrets, derived: make(map[derivedID]derivedKeys)}
	r.current = slices.Max(slices.Collect(maps.Keys(secrets)))
	for version, secret := range secrets {
		for _, purpose := range []Purpose{Contacts, Records, Jobs, Codes, Tokens} {
			keys, err := derive(secret, purpose)
			if err != nil {
				return nil, fmt.Errorf("key version %d: %w", version, err)
			}
			r.derived[derivedID{version, purpose}] = keys
		}
	}
	return r, nil
}

func derive(secret []byte, purpose Purpose) (derivedKeys, error) {
	sealing, err := hkdf.Key(sha256.New, secret, nil, "latchkey seal "+string(purpose), secretSize)
	if err != nil {
		return derivedKeys{}, err
	}
	mac, err := hkdf.Key(sha256.New, secret, nil, "latchkey mac "+string(purpose), secretSize)
	if err != nil {
		return derivedKeys{}, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return derivedKeys{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return derivedKeys{}, err
	}
	return derivedKeys{aead: aead, mac: mac}, nil
}

// Seal encrypts plaintext for one purpose and binds it to owner. The version
// stands in clear in front.
func (r *Ring) Seal(purpose Purpose, plaintext []byte, owner string) []byte {
	out := binary.BigEndian.AppendUint32(nil, r.current)
	return r.derived[derivedID{r.current, purpose}].aead.Seal(out, nil, plaintext, []byte(owner))
}

// Open decrypts what Seal made for the same purpose and owner.
func (r *Ring) Open(purpose Purpose, sealed []byte, owner string) ([]byte, error) {
	if len(sealed) < versionSize {
		return nil, ErrNotOpened
	}
	keys, ok := r.derived[derivedID{binary.BigEndian.Uint32(sealed), purpose}]
	if !ok {
		return nil, ErrNotOpened
	}
	plaintext, err := keys.aead.Open(nil, nil, sealed[versionSize:], []byte(owner))
	if err != nil {
		return nil, ErrNotOpened
	}
	return plaintext, nil
}

// MAC returns a keyed MAC (HMAC-SHA-256) over the parts, each with its length
// in front, so that no two lists of parts give the same input. The version
// stands in front.
func (r *Ring) MAC(purpose Purpose, parts ...string) []byte {
	return r.mac(r.current, purpose, parts)
}

// CheckMAC reports in constant time whether mac was made over the same parts.
func (r *Ring) CheckMAC(purpose Purpose, mac []byte, parts ...string) bool {
	if len(mac) < versionSize {
		return false
	}
	version := binary.BigEndian.Uint32(mac)
	if _, ok := r.derived[derivedID{version, purpose}]; !ok {
		return false
	}
	return hmac.Equal(mac, r.mac(version, purpose, parts))
}

func (r *Ring) mac(version uint32, purpose Purpose, parts []string) []byte {
	out := binary.BigEndian.AppendUint32(nil, version)
	return append(out, sum(r.derived[derivedID{version, purpose}].mac, parts)...)
}

// Index returns the stable keyed name of a thing, 32 lower-case hex digits. It
// does not change when keys rotate and tells nothing without the keyring.
func (r *Ring) Index(parts ...string) string {
	return fmt.Sprintf("%x", sum(r.index, parts)[:16])
}

// Fingerprint tells keyrings apart without telling anything about their keys.
// It stays when keys rotate.
func (r *Ring) Fingerprint() string { return r.Index("keyring fingerprint") }

// Versions returns the key versions, oldest first; the last one seals.
func (r *Ring) Versions() []uint32 { return slices.Sorted(maps.Keys(r.secrets)) }

func sum(key []byte, parts []string) []byte {
	h := hmac.New(sha256.New, key)
	var size [4]byte
	for _, part := range parts {
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}
