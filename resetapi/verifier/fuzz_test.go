package verifier

import (
	"strings"
	"testing"

	"latchkey/internal/keyring"
)

// FuzzCheck: only the code itself is right, for what it was made for, with
// nothing but spaces and hyphens between its digits.
func FuzzCheck(f *testing.F) {
	v := NewIssued(keyring.Generate())
	code, mac := v.Issue("R", "C", "email")
	f.Add(code, "R", "C", "email")
	f.Add(code[:4]+" "+code[4:], "R", "C", "email")
	f.Add(code[:4]+"\u00a0-"+code[4:], "R", "C", "email")
	f.Add(code, "RC", "", "email")
	f.Add(code, "R", "C", "sms")
	f.Add(code+" ", "R", "C", "email")
	f.Add(code+"0", "R", "C", "email")
	f.Add("٠١٢٣٤٥٦٧", "R", "C", "email")
	f.Add("0"+code[1:]+"\x00", "R", "C", "email")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, typed, recovery, challenge, method string) {
		bare := strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(typed)
		want := bare == code && len(typed) <= 4*digits && recovery == "R" && challenge == "C" && method == "email"
		if got := v.Check(recovery, challenge, method, mac, typed); got != want {
			t.Errorf("%q for %q, %q, %q: %v", typed, recovery, challenge, method, got)
		}
		if plain, ok := Plain(typed); ok && (len(plain) != digits || strings.Trim(plain, "0123456789") != "") {
			t.Errorf("%q is the code %q", typed, plain)
		}
	})
}

// FuzzMAC: nothing else than what was kept of a code lets it pass.
func FuzzMAC(f *testing.F) {
	v := NewIssued(keyring.Generate())
	code, mac := v.Issue("R", "C", "email")
	f.Add(mac)
	f.Add(mac[:4])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, kept []byte) {
		if v.Check("R", "C", "email", kept, code) != (string(kept) == string(mac)) {
			t.Errorf("%x", kept)
		}
	})
}
