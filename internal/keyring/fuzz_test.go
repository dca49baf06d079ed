package keyring

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// FuzzOpen: a value opens for the purpose and owner that it was sealed for, and
// only as it was sealed.
func FuzzOpen(f *testing.F) {
	ring := Generate()
	f.Add([]byte("plain"), "owner", "owner", uint16(0), byte(0))
	f.Add([]byte("plain"), "owner", "owner2", uint16(0), byte(0))
	f.Add([]byte{}, "", "", uint16(3), byte(1))
	f.Add([]byte("plain"), "o", "o", uint16(20), byte(0x80))
	f.Add(bytes.Repeat([]byte(" "), 300), "card\x00a", "card\x00a", uint16(299), byte(0xff))
	f.Fuzz(func(t *testing.T, plain []byte, owner, opener string, at uint16, change byte) {
		for i, purpose := range purposes {
			sealed := ring.Seal(purpose, plain, owner)
			sealed[int(at)%len(sealed)] ^= change
			got, err := ring.Open(purpose, sealed, opener)
			if want := change == 0 && owner == opener; (err == nil) != want || want && !bytes.Equal(got, plain) {
				t.Errorf("%s: %v", purpose, err)
			}
			if _, err := ring.Open(purposes[(i+1)%len(purposes)], sealed, opener); err == nil {
				t.Errorf("%s opens for another purpose", purpose)
			}
			if _, err := ring.Open(purpose, sealed[:len(sealed)-1], opener); err == nil {
				t.Errorf("%s opens when it was cut", purpose)
			}
		}
	})
}

// FuzzMAC: a MAC holds for its parts, in their order and with their bounds.
func FuzzMAC(f *testing.F) {
	ring := Generate()
	f.Add("a", "b", "a", "b", []byte{})
	f.Add("a", "b", "ab", "", []byte{})
	f.Add("a\x00", "b", "a", "\x00b", []byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, one, two, three, four string, forged []byte) {
		sum := ring.MAC(Codes, one, two)
		same := one == three && two == four
		if ring.CheckMAC(Codes, sum, three, four) != same {
			t.Errorf("%q %q and %q %q", one, two, three, four)
		}
		if (ring.Index(one, two) == ring.Index(three, four)) != same {
			t.Errorf("%q %q and %q %q have one name", one, two, three, four)
		}
		if ring.CheckMAC(Tokens, sum, one, two) || ring.CheckMAC(Codes, sum, one+two) || !bytes.Equal(forged, sum) && ring.CheckMAC(Codes, forged, one, two) {
			t.Error("it holds for what it was not made of")
		}
	})
}

// FuzzDecode: a keyring that was read is written as it was, and what is said of
// one that cannot be read shows nothing of it.
func FuzzDecode(f *testing.F) {
	text := string(Generate().encode())
	index, version, _ := strings.Cut(strings.TrimSpace(text[strings.Index(text, "index"):]), "\n")
	f.Add(text)
	f.Add(index + "\n" + version + "\n7" + version[1:])
	f.Add(index + "\n" + index + "\n" + version)
	f.Add(version + " 2026-11-23T12:00:00Z\n" + index)
	f.Add("index x\n0 y\n4294967296 z")
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := decode([]byte(text))
		if err != nil {
			for _, field := range strings.Fields(text) {
				if len(field) > 20 && strings.Contains(err.Error(), field) {
					t.Errorf("the error shows %q", field)
				}
			}
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("%q", err)
			}
			return
		}
		again, err := decode(ring.encode())
		if err != nil || again.Fingerprint() != ring.Fingerprint() || !slices.Equal(again.Versions(), ring.Versions()) || ring.Current() == 0 {
			t.Errorf("%q came back as another keyring: %v", text, err)
		}
		if _, err := again.Open(Records, ring.Seal(Records, []byte("x"), ""), ""); err != nil {
			t.Error(err)
		}
	})
}
