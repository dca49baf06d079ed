package verifier

import (
	"testing"

	"latchkey/internal/keyring"
)

func TestIssuedCodeIsBound(t *testing.T) {
	v := NewIssued(keyring.Generate())
	code, mac := v.Issue("recovery", "challenge", "email")
	if !v.Check("recovery", "challenge", "email", mac, code) {
		t.Fatal("the right code is refused")
	}
	if !v.Check("recovery", "challenge", "email", mac, " "+code[:4]+" "+code[4:]+" ") {
		t.Error("a code typed as it is shown is refused")
	}
	for name, ok := range map[string]bool{
		"another recovery":  v.Check("other", "challenge", "email", mac, code),
		"another challenge": v.Check("recovery", "other", "email", mac, code),
		"another method":    v.Check("recovery", "challenge", "sms", mac, code),
		"another keyring":   NewIssued(keyring.Generate()).Check("recovery", "challenge", "email", mac, code),
		"no code":           v.Check("recovery", "challenge", "email", mac, ""),
		"no MAC":            v.Check("recovery", "challenge", "email", nil, code),
		"a longer code":     v.Check("recovery", "challenge", "email", mac, code+"0"),
		"full-width digits": v.Check("recovery", "challenge", "email", mac, fullWidth(code)),
	} {
		if ok {
			t.Errorf("%s: the code is accepted", name)
		}
	}
}

// TestCodesAreUniform counts the digits of 100,000 codes at each of the eight
// places. Chi-square with 9 degrees of freedom stays below 62.0 except with
// p = 5e-10; eight places make 4e-9 for the whole test.
func TestCodesAreUniform(t *testing.T) {
	v := NewIssued(keyring.Generate())
	const codes = 100_000
	var counts [digits][10]int
	for range codes {
		code, _ := v.Issue("r", "c", "email")
		if len(code) != digits {
			t.Fatalf("code of %d digits", len(code))
		}
		for place, digit := range code {
			counts[place][digit-'0']++
		}
	}
	for place, count := range counts {
		var chi float64
		for _, n := range count {
			d := float64(n) - codes/10
			chi += d * d / (codes / 10)
		}
		if chi > 62 {
			t.Errorf("place %d: chi-square %.1f", place, chi)
		}
	}
}

func fullWidth(code string) string {
	var out []rune
	for _, c := range code {
		out = append(out, c-'0'+'０')
	}
	return string(out)
}
