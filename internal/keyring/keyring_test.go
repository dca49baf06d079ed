package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealedValuesAreBound(t *testing.T) {
	r := Generate()
	sealed := r.Seal(Contacts, []byte("text"), "alice")
	if got, err := r.Open(Contacts, sealed, "alice"); err != nil || string(got) != "text" {
		t.Fatalf("open: %q, %v", got, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another owner":   func() ([]byte, error) { return r.Open(Contacts, sealed, "bob") },
		"another purpose": func() ([]byte, error) { return r.Open(Records, sealed, "alice") },
		"another ring":    func() ([]byte, error) { return Generate().Open(Contacts, sealed, "alice") },
		"changed":         func() ([]byte, error) { return r.Open(Contacts, changed, "alice") },
		"cut":             func() ([]byte, error) { return r.Open(Contacts, sealed[:10], "alice") },
		"empty":           func() ([]byte, error) { return r.Open(Contacts, nil, "alice") },
	} {
		if got, err := open(); !errors.Is(err, ErrNotOpened) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if bytes.Equal(sealed, r.Seal(Contacts, []byte("text"), "alice")) {
		t.Error("sealing twice gives the same bytes")
	}
}

func TestMACsAreBound(t *testing.T) {
	r := Generate()
	mac := r.MAC(Codes, "ab", "c")
	if !r.CheckMAC(Codes, mac, "ab", "c") {
		t.Fatal("the right MAC is refused")
	}
	if r.CheckMAC(Codes, mac, "a", "bc") || r.CheckMAC(Tokens, mac, "ab", "c") || r.CheckMAC(Codes, mac[:8], "ab", "c") || r.CheckMAC(Codes, nil, "ab", "c") {
		t.Error("another MAC is accepted")
	}
}

// TestRotation: the newest version seals, older ones open, names stay.
func TestRotation(t *testing.T) {
	old := Generate()
	next, err := newRing(old.index, map[uint32]secret{1: old.content.Load().secrets[1], 2: newSecret()})
	if err != nil {
		t.Fatal(err)
	}
	sealed, mac := old.Seal(Records, []byte("x"), "o"), old.MAC(Codes, "x")
	if _, err := next.Open(Records, sealed, "o"); err != nil || !next.CheckMAC(Codes, mac, "x") {
		t.Errorf("a value of the old version: %v", err)
	}
	if _, err := old.Open(Records, next.Seal(Records, []byte("x"), "o"), "o"); err == nil {
		t.Error("the old version seals")
	}
	if old.Index("a") != next.Index("a") || old.Fingerprint() != next.Fingerprint() || old.Index("a") == old.Index("b") {
		t.Error("names changed with the version")
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	made, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path)
	if err != nil || loaded.Fingerprint() != made.Fingerprint() {
		t.Fatalf("load: %v", err)
	}
	if _, err := loaded.Open(Jobs, made.Seal(Jobs, []byte("x"), "o"), "o"); err != nil {
		t.Error("the loaded ring does not open what the made one sealed")
	}
	if _, err := Create(path); !errors.Is(err, ErrExists) {
		t.Errorf("over an existing ring: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !errors.Is(err, ErrPermissions) {
		t.Errorf("readable by others: %v", err)
	}
	if _, err := Load(path + "-"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestBrokenFilesAreRefused(t *testing.T) {
	whole := string(Generate().encode())
	key := strings.Fields(whole[strings.Index(whole, "\n1 "):])[1]
	for name, text := range map[string]string{
		"empty":         "",
		"no index":      "1 " + key + "\n",
		"no version":    "index " + key + "\n",
		"short key":     "index " + key + "\n1 " + key[:20] + "\n",
		"version twice": whole + "1 " + key + "\n",
		"index twice":   whole + "index " + key + "\n",
		"version zero":  whole + "0 " + key + "\n",
		"other words":   whole + "three words here\n",
		"not a number":  whole + "one " + key + "\n",
		"not a time":    whole + "2 " + key + " yesterday\n",
	} {
		_, err := decode([]byte(text))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), key[:20]) {
			t.Errorf("%s: the error shows a key: %v", name, err)
		}
	}
}
