package verifier

import (
	"regexp"
	"testing"

	"latchkey/internal/keyring"
)

// TestS14_CodesAreUniform looks at 100,000 codes. Each bound is exceeded by
// chance with p = 1e-9: chi-square over the digits of each place (9 degrees of
// freedom), and the number of pairs of equal codes (Poisson with mean 50).
func TestS14_CodesAreUniform(t *testing.T) {
	const (
		codes      = 100_000
		chiSquare  = 61.0
		fewestSame = 14
		mostSame   = 99
	)
	form := regexp.MustCompile(`^[0-9]{8}$`)
	v := NewIssued(keyring.Generate())
	var count [digits][10]float64
	seen, same := make(map[string]int), 0
	for range codes {
		code, _ := v.Issue("recovery", "challenge", "email")
		if !form.MatchString(code) {
			t.Fatalf("%q is not eight digits", code)
		}
		for place, digit := range code {
			count[place][digit-'0']++
		}
		same += seen[code]
		seen[code]++
	}
	for place, found := range count {
		sum := 0.0
		for _, n := range found {
			sum += (n - codes/10) * (n - codes/10) / (codes / 10)
		}
		if sum > chiSquare {
			t.Errorf("place %d has the digits %v: chi-square %.1f", place+1, found, sum)
		}
	}
	if same < fewestSame || same > mostSame {
		t.Errorf("%d pairs of equal codes, want about 50", same)
	}
}
