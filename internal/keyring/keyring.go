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
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
	Audit    Purpose = "audit"
	Devices  Purpose = "known device"
	// Links are those of "that was not me" and what they do.
	Links Purpose = "that was not me"
)

// purposes are all of them; each new one stands here too.
var purposes = []Purpose{Contacts, Records, Jobs, Codes, Tokens, Devices, Audit, Links}

// ErrNotOpened means that a sealed value could not be opened: it was changed,
// belongs to another owner or purpose, or was sealed with a key that is gone.
var ErrNotOpened = errors.New("sealed value cannot be opened with this keyring")

const (
	secretSize  = 32
	versionSize = 4
)

// Ring holds the keys. It is safe for concurrent use.
type Ring struct {
	index []byte
	// indexing keeps MACs with the index key, which is asked for each person.
	indexing sync.Pool
	// path is the file that Reload reads; empty for a ring without one.
	path    string
	content atomic.Pointer[content]
	// looked is when the file was last read for a version that was missing.
	looked atomic.Int64
}

// content is what Reload replaces as a whole; it is never changed.
type content struct {
	current uint32
	secrets map[uint32]secret
	derived map[derivedID]derivedKeys
}

// secret is one version. The time it was made is unknown for old files.
type secret struct {
	key  []byte
	made time.Time
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
	index := make([]byte, secretSize)
	rand.Read(index)
	ring, err := newRing(index, map[uint32]secret{1: newSecret()})
	if err != nil {
		panic(err) // constant sizes
	}
	return ring
}

func newSecret() secret {
	key := make([]byte, secretSize)
	rand.Read(key)
	return secret{key: key, made: time.Now().UTC().Truncate(time.Second)}
}

func newRing(index []byte, secrets map[uint32]secret) (*Ring, error) {
	c := &content{secrets: secrets, derived: make(map[derivedID]derivedKeys)}
	c.current = slices.Max(slices.Collect(maps.Keys(secrets)))
	for version, one := range secrets {
		for _, purpose := range purposes {
			keys, err := derive(one.key, purpose)
			if err != nil {
				return nil, fmt.Errorf("key version %d: %w", version, err)
			}
			c.derived[derivedID{version, purpose}] = keys
		}
	}
	r := &Ring{index: index}
	r.content.Store(c)
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
	c := r.content.Load()
	const overhead = versionSize + 12 + 16 // a nonce and a tag
	out := binary.BigEndian.AppendUint32(make([]byte, 0, overhead+len(plaintext)), c.current)
	return c.derived[derivedID{c.current, purpose}].aead.Seal(out, nil, plaintext, []byte(owner))
}

// Open decrypts what Seal made for the same purpose and owner.
func (r *Ring) Open(purpose Purpose, sealed []byte, owner string) ([]byte, error) {
	version, ok := Version(sealed)
	if !ok {
		return nil, ErrNotOpened
	}
	keys, ok := r.find(version, purpose)
	if !ok {
		return nil, ErrNotOpened
	}
	plaintext, err := keys.aead.Open(nil, nil, sealed[versionSize:], []byte(owner))
	if err != nil {
		return nil, ErrNotOpened
	}
	return plaintext, nil
}

// Version returns the key version that a sealed value or a MAC was made with.
func Version(sealed []byte) (uint32, bool) {
	if len(sealed) < versionSize {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed), true
}

// MAC returns a keyed MAC (HMAC-SHA-256) over the parts, each with its length
// in front, so that no two lists of parts give the same input. The version
// stands in front.
func (r *Ring) MAC(purpose Purpose, parts ...string) []byte {
	c := r.content.Load()
	return mac(c.current, c.derived[derivedID{c.current, purpose}], parts)
}

// CheckMAC reports in constant time whether sum was made over the same parts.
func (r *Ring) CheckMAC(purpose Purpose, sum []byte, parts ...string) bool {
	version, ok := Version(sum)
	if !ok {
		return false
	}
	keys, ok := r.find(version, purpose)
	return ok && hmac.Equal(sum, mac(version, keys, parts))
}

func mac(version uint32, keys derivedKeys, parts []string) []byte {
	out := binary.BigEndian.AppendUint32(nil, version)
	return append(out, sum(keys.mac, parts)...)
}

// Index returns the stable keyed name of a thing, 32 lower-case hex digits. It
// does not change when keys rotate and tells nothing without the keyring.
func (r *Ring) Index(parts ...string) string {
	h, _ := r.indexing.Get().(hash.Hash)
	if h == nil {
		h = hmac.New(sha256.New, r.index)
	}
	defer r.indexing.Put(h)
	h.Reset()
	return hex.EncodeToString(sumBy(h, parts)[:16])
}

// Fingerprint tells keyrings apart without telling anything about their keys.
// It stays when keys rotate.
func (r *Ring) Fingerprint() string { return r.Index("keyring fingerprint") }

// Versions returns the key versions, oldest first; the last one seals.
func (r *Ring) Versions() []uint32 { return slices.Sorted(maps.Keys(r.content.Load().secrets)) }

// Current returns the version that seals.
func (r *Ring) Current() uint32 { return r.content.Load().current }

// MadeAt returns when a version was made; zero where the file does not tell.
func (r *Ring) MadeAt(version uint32) time.Time { return r.content.Load().secrets[version].made }

func sum(key []byte, parts []string) []byte {
	return sumBy(hmac.New(sha256.New, key), parts)
}

func sumBy(h hash.Hash, parts []string) []byte {
	const usual = 256
	text := make([]byte, 0, usual)
	for _, part := range parts {
		text = binary.BigEndian.AppendUint32(text, uint32(len(part)))
		text = append(text, part...)
	}
	h.Write(text)
	return h.Sum(text[:0])
}
