package memory

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
)

// hasher keeps passwords as PBKDF2 with SHA-256 (RFC 8018). The rounds are few:
// what they guard lives in this process only.
type hasher struct {
	rounds int
	// decoy is matched where there is no hash, so that this takes as long.
	decoy string
}

const (
	defaultRounds = 10000
	maxRounds     = 10_000_000
	saltLength    = 16
	schemePBKDF2  = "{PBKDF2-SHA256}"
	schemeSSHA    = "{SSHA}"
)

func newHasher(rounds int) hasher {
	if rounds <= 0 {
		rounds = defaultRounds
	}
	h := hasher{rounds: rounds}
	h.decoy = h.hash(rand.Text())
	return h
}

// hash returns a value of userPassword: {PBKDF2-SHA256}rounds$salt$key.
func (h hasher) hash(password string) string {
	salt := make([]byte, saltLength)
	rand.Read(salt)
	key, err := pbkdf2.Key(sha256.New, password, salt, h.rounds, sha256.Size)
	if err != nil {
		// Only FIPS mode refuses, and only shorter keys and salts.
		return "{!}"
	}
	encode := base64.RawStdEncoding.EncodeToString
	return schemePBKDF2 + strconv.Itoa(h.rounds) + "$" + encode(salt) + "$" + encode(key)
}

// isHashed reports whether a value is a hash, of whatever scheme.
func isHashed(value string) bool {
	scheme, _, ok := strings.Cut(value, "}")
	return ok && strings.HasPrefix(scheme, "{") && !strings.ContainsAny(scheme, " \t")
}

// matches reports whether one of the hashes is of a password.
func (h hasher) matches(hashes []string, password string) bool {
	if len(hashes) == 0 {
		matchesPBKDF2(strings.TrimPrefix(h.decoy, schemePBKDF2), password)
		return false
	}
	for _, hashed := range hashes {
		if rest, ok := strings.CutPrefix(hashed, schemePBKDF2); ok && matchesPBKDF2(rest, password) {
			return true
		}
		if rest, ok := strings.CutPrefix(hashed, schemeSSHA); ok && matchesSSHA(rest, password) {
			return true
		}
	}
	return false
}

func matchesPBKDF2(text, password string) bool {
	parts := strings.Split(text, "$")
	if len(parts) != 3 {
		return false
	}
	rounds, err := strconv.Atoi(parts[0])
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[1])
	want, keyErr := base64.RawStdEncoding.DecodeString(parts[2])
	if err != nil || saltErr != nil || keyErr != nil || rounds < 1 || rounds > maxRounds || len(want) != sha256.Size {
		return false
	}
	got, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}

func matchesSSHA(text, password string) bool {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < sha1.Size {
		return false
	}
	sum := sha1.Sum(append([]byte(password), raw[sha1.Size:]...))
	return subtle.ConstantTimeCompare(sum[:], raw[:sha1.Size]) == 1
}
