package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"latchkey/internal/keyring"
)

const (
	hashField = `,"hash":"`
	macField  = `","mac":"`
	hashSize  = 2 * sha256.Size
	// macSize is the base64 form of a key version and an HMAC-SHA-256.
	macSize = (4 + sha256.Size) / 3 * 4
	// sealSize is how long the part of a line is that is not hashed.
	sealSize = len(hashField) + hashSize + len(macField) + macSize + len(`"}`)
)

// beginning stands where the first line has no line before it.
var beginning = strings.Repeat("0", hashSize)

// chain is a place in the chain: the last line up to which it is known.
type chain struct {
	keys     *keyring.Ring
	sequence uint64
	hash     string
	// instance is the one that all lines must name; empty until the first.
	instance string
}

// seal makes the next line of the chain, without a line break, and moves on.
func (c *chain) seal(line Line) ([]byte, error) {
	line.Sequence, line.Previous, line.Instance = c.sequence+1, c.hash, c.instance
	line.Hash, line.MAC = "", nil
	text, err := json.Marshal(line)
	if err != nil {
		return nil, fmt.Errorf("encode a line of the audit: %w", err)
	}
	text = text[:len(text)-1]
	hash := hashOf(text)
	text = append(text, hashField+hash+macField...)
	text = base64.StdEncoding.AppendEncode(text, c.keys.MAC(keyring.Audit, "line", hash))
	c.sequence, c.hash = line.Sequence, hash
	return append(text, `"}`...), nil
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// check reads the next line and moves on, or says what is wrong with it.
func (c *chain) check(text []byte) (line Line, problem string) {
	body := len(text) - sealSize
	if body < 0 || !bytes.HasPrefix(text[body:], []byte(hashField)) || json.Unmarshal(text, &line) != nil {
		return Line{}, "is not a whole line of the audit"
	}
	if line.Hash != hashOf(text[:body]) || !bytes.Equal(text[body:], line.sealed()) {
		return line, "was altered: its hash does not fit its content"
	}
	if problem := c.checkMAC(line); problem != "" {
		return line, problem
	}
	switch {
	case line.Sequence != c.sequence+1:
		return line, fmt.Sprintf("has the number %d where %d must follow: lines are missing, moved or doubled", line.Sequence, c.sequence+1)
	case line.Previous != c.hash:
		return line, "does not follow from the line before it"
	case c.instance != "" && line.Instance != c.instance:
		return line, fmt.Sprintf("is of instance %q in the audit of %q", line.Instance, c.instance)
	}
	c.sequence, c.hash, c.instance = line.Sequence, line.Hash, line.Instance
	return line, ""
}

// sealed is the end of the line that is not hashed.
func (l Line) sealed() []byte {
	return []byte(hashField + l.Hash + macField + base64.StdEncoding.EncodeToString(l.MAC) + `"}`)
}

func (c *chain) checkMAC(line Line) string {
	if c.keys.CheckMAC(keyring.Audit, line.MAC, "line", line.Hash) {
		return ""
	}
	if version, ok := keyring.Version(line.MAC); ok && !slices.Contains(c.keys.Versions(), version) {
		return fmt.Sprintf("was made with version %d of the keyring, which is not there", version)
	}
	return "was not written with this keyring: its MAC does not fit"
}

// head is the last line that is known to be on the disk. It is overwritten in
// place, in less than a sector and after the line, and so never names a line
// that is not there.
type head struct {
	sequence uint64
	hash     string
}

const headForm = "sequence %020d\nhash %s\nmac %s\n"

func (h head) encode(keys *keyring.Ring) []byte {
	mac := keys.MAC(keyring.Audit, "head", strconv.FormatUint(h.sequence, 10), h.hash)
	return fmt.Appendf(nil, headForm, h.sequence, h.hash, base64.StdEncoding.EncodeToString(mac))
}

// decodeHead returns a head, or false when it is not one of this keyring's.
func decodeHead(text []byte, keys *keyring.Ring) (head, bool) {
	var h head
	var encoded string
	if _, err := fmt.Sscanf(string(text), headForm, &h.sequence, &h.hash, &encoded); err != nil {
		return head{}, false
	}
	mac, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !keys.CheckMAC(keyring.Audit, mac, "head", strconv.FormatUint(h.sequence, 10), h.hash) {
		return head{}, false
	}
	return h, true
}
