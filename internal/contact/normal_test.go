package contact

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestS47_NormalEmail(t *testing.T) {
	long := strings.Repeat("a", 64)
	label := strings.Repeat("d", 63)
	for in, test := range map[string]struct {
		want string
		err  error
	}{
		"user@example.org":                           {want: "user@example.org"},
		"First.Last+tag@EXAMPLE.Org":                 {want: "First.Last+tag@example.org"},
		"o'neil_=?x@sub.example.org":                 {want: "o'neil_=?x@sub.example.org"},
		"user@bücher.example":                        {want: "user@xn--bcher-kva.example"},
		"user@XN--BCHER-KVA.example":                 {want: "user@xn--bcher-kva.example"},
		"user@gıthub.com":                            {want: "user@xn--gthub-n4a.com"},
		"user@straße.example":                        {want: "user@xn--strae-oqa.example"},
		long + "@example.org":                        {want: long + "@example.org"},
		"":                                           {err: ErrNoContact},
		"mıke@example.org":                           {err: ErrLocalPart},
		"ﬁ@example.org":                              {err: ErrLocalPart},
		"\u212aate@example.org":                      {err: ErrLocalPart},
		"user@ﬁnance.example":                        {err: ErrDomain},
		"user@\u212aate.example":                     {err: ErrDomain},
		"user@exam\u00adple.org":                     {err: ErrDomain},
		"user@example。org":                           {err: ErrDomain},
		"user@xn--a.example":                         {err: ErrDomain},
		"user@ab--cd.example":                        {err: ErrDomain},
		"user@-a.example":                            {err: ErrDomain},
		"user@a_b.example":                           {err: ErrDomain},
		"user@localhost":                             {err: ErrDomain},
		"user@example.org.":                          {err: ErrDomain},
		"user@.example.org":                          {err: ErrDomain},
		"user@example..org":                          {err: ErrDomain},
		"user@192.0.2.1":                             {err: ErrDomain},
		"user@":                                      {err: ErrDomain},
		"user@" + label + "d.org":                    {err: ErrDomain},
		"@example.org":                               {err: ErrLocalPart},
		".user@example.org":                          {err: ErrLocalPart},
		"user.@example.org":                          {err: ErrLocalPart},
		"us..er@example.org":                         {err: ErrLocalPart},
		"user@[192.0.2.1]":                           {err: ErrNotOneAddress},
		`"user"@example.org`:                         {err: ErrNotOneAddress},
		"user":                                       {err: ErrNotOneAddress},
		"user@evil.org@example.org":                  {err: ErrNotOneAddress},
		" user@example.org":                          {err: ErrNotOneAddress},
		"user@example.org,a@b.cd":                    {err: ErrNotOneAddress},
		"user@example.org;a@b.cd":                    {err: ErrNotOneAddress},
		"User <user@example.org>":                    {err: ErrNotOneAddress},
		"<user@example.org>":                         {err: ErrNotOneAddress},
		"user@example.org\r\nBcc:a@b.cd":             {err: ErrNotOneAddress},
		"user@example.org\x00":                       {err: ErrNotOneAddress},
		"user(x)@example.org":                        {err: ErrNotOneAddress},
		long + "a@example.org":                       {err: ErrAddressTooLong},
		long + "@" + strings.Repeat("abcdefgh.", 22): {err: ErrDomain},
		long + "@" + strings.Repeat("abcdefgh.", 21) + "org": {err: ErrAddressTooLong},
	} {
		got, err := NormalEmail(in)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q: %q, %v; want %q, %v", in, got, err, test.want, test.err)
		}
	}
}

func TestS47_NormalMobile(t *testing.T) {
	for _, test := range []struct {
		in, region string
		want       string
		err        error
	}{
		{in: "+491701234567", want: "+491701234567"},
		{in: "+49 170 / 123-45.67", want: "+491701234567"},
		{in: "0170 1234567", region: "DE", want: "+491701234567"},
		{in: "0049 170 1234567", region: "DE", want: "+491701234567"},
		{in: "+491701234567", region: "US", want: "+491701234567"},
		{in: "+44 (0)20 7946 0958", want: "+442079460958"},
		{in: "+39 06 6982 1234", want: "+390669821234"},
		{in: "(201) 555-0123", region: "US", want: "+12015550123"},
		{in: "0170 1234567", err: ErrNoRegion},
		{in: "0170 1234567", region: "XX", err: ErrRegion},
		{in: "0170 1234567", region: "de", err: ErrRegion},
		{in: "", err: ErrNoContact},
		{in: "+", err: ErrNotANumber},
		{in: "++491701234567", err: ErrNotANumber},
		{in: "00+491701234567", region: "DE", err: ErrNotANumber},
		{in: "+0044 20 7946 0958", err: ErrDoublePrefix},
		{in: "+ (0) 44 20 7946 0958", err: ErrDoublePrefix},
		{in: "+44 20 7946 0958 ext 5", err: ErrNotANumber},
		{in: "+442079460958;ext=5", err: ErrNotANumber},
		{in: "+442079460958x5", err: ErrNotANumber},
		{in: "+442079460958#5", err: ErrNotANumber},
		{in: "tel:+442079460958", err: ErrNotANumber},
		{in: "+1 800 FLOWERS", err: ErrNotANumber},
		{in: "０７９４６０９５８", region: "GB", err: ErrNotANumber},
		{in: "+４４２０７９４６０９５８", err: ErrNotANumber},
		{in: "+44\u00a02079460958", err: ErrNotANumber},
		{in: "+49170\r\n1234567", err: ErrNotANumber},
		{in: "+491701234567, +491701234568", err: ErrNotANumber},
		{in: "+4917012345678901", err: ErrNumberInvalid},
		{in: "021000000000000", region: "DE", err: ErrNumberInvalid},
		{in: "+4917", err: ErrNumberInvalid},
		{in: "+9991234567", err: ErrNumberInvalid},
		{in: "110", region: "DE", err: ErrNumberInvalid},
		{in: "+49 900 1234567", err: ErrSpecialNumber},
		{in: "+44 871 234 5678", err: ErrSpecialNumber},
		{in: "+44 843 123 4567", err: ErrSpecialNumber},
		{in: "+1 800 234 5678", err: ErrSpecialNumber},
		{in: "+979 123456789", err: ErrSpecialNumber},
		{in: "+882 16 3451234", err: ErrSpecialNumber},
	} {
		got, err := NormalMobile(test.in, test.region)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q in %q: %q, %v; want %q, %v", test.in, test.region, got, err, test.want, test.err)
		}
	}
}

// checkEmail holds what is true of every normal form.
func checkEmail(t interface{ Fatalf(string, ...any) }, in string) {
	out, err := NormalEmail(in)
	if err != nil {
		return
	}
	if again, err := NormalEmail(out); err != nil || again != out {
		t.Fatalf("%q became %q, and that %q, %v", in, out, again, err)
	}
	local, _, _ := strings.Cut(in, "@")
	if !strings.HasPrefix(out, local+"@") || !plain(out) || strings.Count(out, "@") != 1 {
		t.Fatalf("%q became %q", in, out)
	}
}

func checkMobile(t interface{ Fatalf(string, ...any) }, in, region string) {
	out, err := NormalMobile(in, region)
	if err != nil {
		return
	}
	if again, err := NormalMobile(out, ""); err != nil || again != out {
		t.Fatalf("%q in %q became %q, and that %q, %v", in, region, out, again, err)
	}
	if len(out) > 16 || out[0] != '+' || strings.Trim(out[1:], "0123456789") != "" {
		t.Fatalf("%q in %q became %q", in, region, out)
	}
}

func TestNormalIsIdempotent(t *testing.T) {
	letters := rapid.StringOf(rapid.SampledFrom([]rune("abzABZ019.-_+üßıﬁΩ中xn")))
	rapid.Check(t, func(t *rapid.T) {
		checkEmail(t, letters.Draw(t, "local")+"@"+letters.Draw(t, "domain")+".example")
	})
	rapid.Check(t, func(t *rapid.T) {
		region := rapid.SampledFrom([]string{"DE", "GB", "US", "IT", "FR", "BR", "AR", "MX", "CI", "SM", "RU", "KZ"}).Draw(t, "region")
		checkMobile(t, rapid.StringMatching(`\+?[0-9 ()/.-]{4,18}`).Draw(t, "number"), region)
	})
}

func FuzzNormalEmail(f *testing.F) {
	for _, s := range []string{"user@example.org", "user@bücher.example", "a@xn--bcher-kva.example", "\"a\"@b.c", "a@b@c.de", "mıke@gıthub.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkEmail(t, s) })
}

func FuzzNormalMobile(f *testing.F) {
	for _, s := range []string{"+44 (0)20 7946 0958", "0170 1234567", "+390669821234", "011 44 20 7946 0958", "+0044"} {
		f.Add(s, "DE")
	}
	f.Fuzz(func(t *testing.T, s, region string) { checkMobile(t, s, region) })
}
