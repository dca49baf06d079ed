package contact

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"
)

// likeTheLibrary holds what the plans decide to what the library says.
func likeTheLibrary(t testing.TB, digits, region string) (decided bool) {
	t.Helper()
	normal, kind, ok := numbering.international(digits)
	asked := "+" + digits
	if region != "ZZ" {
		normal, kind, ok = numbering.national(digits, region)
		asked = digits
	}
	if !ok {
		return false
	}
	got, gotErr := taken(normal, kind, ofPeople(kind))
	want, wantErr := byLibrary(asked, region)
	if got != want || !errors.Is(gotErr, wantErr) {
		t.Fatalf("%q in %q: %q, %v, and the library says %q, %v", asked, region, got, gotErr, want, wantErr)
	}
	return true
}

func regions() []string {
	var all []string
	for region := range phonenumbers.GetSupportedRegions() {
		all = append(all, region)
	}
	slices.Sort(all)
	return all
}

// Each country's own examples, and numbers near them and near nothing, are what
// the library says that they are; most are decided without it.
func TestPlansAreTheLibrarys(t *testing.T) {
	rounds := 6
	if os.Getenv("SOAK") != "" {
		rounds = 500
	}
	kinds := []phonenumbers.PhoneNumberType{
		phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST,
		phonenumbers.VOIP, phonenumbers.PERSONAL_NUMBER, phonenumbers.PAGER, phonenumbers.UAN, phonenumbers.VOICEMAIL,
	}
	asked, decided := 0, 0
	try := func(digits, region string) {
		asked++
		if likeTheLibrary(t, digits, region) {
			decided++
		}
	}
	for _, region := range regions() {
		if numbering.of(region) == nil {
			t.Errorf("the plan of %s is left to the library", region)
		}
		code := fmt.Sprint(phonenumbers.GetCountryCodeForRegion(region))
		for _, kind := range kinds {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			national := phonenumbers.GetNationalSignificantNumber(example)
			try(code+national, "ZZ")
			for _, near := range nearby(national, rounds) {
				try(code+near, "ZZ")
				try(near, region)
				try(phonenumbers.GetNddPrefixForRegion(region, true)+near, region)
			}
		}
		for range rounds {
			try(code+someDigits(2+rand.IntN(14)), "ZZ")
			try(someDigits(2+rand.IntN(16)), region)
		}
	}
	if decided*2 < asked {
		t.Errorf("%d of %d were decided", decided, asked)
	}
	t.Logf("%d of %d were decided without the library", decided, asked)
}

// nearby are numbers that differ by little.
func nearby(national string, n int) []string {
	var all []string
	for range n {
		b := []byte(national)
		for range 1 + rand.IntN(3) {
			b[rand.IntN(len(b))] = byte('0' + rand.IntN(10))
		}
		switch rand.IntN(8) {
		case 0:
			b = b[:len(b)-1]
		case 1:
			b = append(b, byte('0'+rand.IntN(10)))
		}
		all = append(all, string(b))
	}
	return all
}

func someDigits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + rand.IntN(10))
	}
	return string(b)
}

// FuzzPlans: whatever the plans decide, the library says too.
func FuzzPlans(f *testing.F) {
	for _, s := range []string{"+491701234567", "+4915112345678", "+442079460958", "+12125551234", "+79161234567", "+5491123456789", "+8811234567", "+390669821234"} {
		f.Add(s, "ZZ")
	}
	for _, s := range []string{"01701234567", "004915112345678", "4915112345678", "2125551234", "12125551234", "00", "0"} {
		f.Add(s, "DE")
		f.Add(s, "US")
		f.Add(s, "AR")
	}
	f.Fuzz(func(t *testing.T, s, region string) {
		digits, ok := onlyDigits(strings.TrimPrefix(s, "+"))
		if !ok || len(digits) > maxNumber || region != "ZZ" && !knownRegion(region) || region == "ZZ" && digits[0] == '0' {
			t.Skip("never asked")
		}
		likeTheLibrary(t, digits, region)
	})
}

// An automaton matches what its expression does.
func FuzzAutomaton(f *testing.F) {
	for _, e := range []string{"", "0", `[2-9]\d{9}`, `(?:0|90)(?:(1[245]|2[1-35])(\d{10,11}))?`, `(?:1\d|[2-5])*7?`, `^1`, `a|.`} {
		f.Add(e, "2125551234")
		f.Add(e, "01270")
	}
	f.Fuzz(func(t *testing.T, expression, digits string) {
		if len(expression) > 200 || len(digits) > 40 || strings.Trim(digits, "0123456789") != "" {
			t.Skip("never asked")
		}
		whole, err := regexp.Compile("^(?:" + expression + ")$")
		a := newAutomaton("(?:"+expression+")", false)
		if a == nil {
			return
		}
		if err != nil {
			t.Fatalf("%q is no expression: %v", expression, err)
		}
		if whole.MatchString(digits) != a.matches(digits) {
			t.Errorf("%q matches %q: %v", expression, digits, a.matches(digits))
		}
		if regexp.MustCompile("^(?:"+expression+")").MatchString(digits) != a.begins(digits) {
			t.Errorf("%q begins %q: %v", expression, digits, a.begins(digits))
		}
		if loose := newAutomaton("(?:"+expression+")", true); a.begins(digits) && !loose.begins(digits) {
			t.Errorf("%q begins %q, but loosely it does not", expression, digits)
		}
	})
}

// FuzzPlainDomain: a domain that is taken without IDNA is what IDNA makes of it.
func FuzzPlainDomain(f *testing.F) {
	for _, s := range []string{"example.org", "a-b.example", "ab--cd.example", "xn--bcher-kva.example", "1.2.3.4", "-a.b", "a-.b", "a..b", "a.", strings.Repeat("a", 64) + ".org", strings.Repeat("a.", 126) + "ab"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !plainDomain(s) {
			return
		}
		if got, err := idna.New(idna.ValidateForRegistration()).ToASCII(s); err != nil || got != s {
			t.Errorf("%q is %q, %v", s, got, err)
		}
	})
}

func BenchmarkNormalMobile(b *testing.B) {
	for name, number := range map[string]string{"E.164": "+4915112345678", "national": "0151 12345678", "one of many countries": "+14165550123"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := NormalMobile(number, "DE"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
