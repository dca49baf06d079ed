package config

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzParse: whatever stands in a file or a variable, there is a configuration
// or a list of faults, each a printable line about a place that is there, and
// none shows what may be a secret.
func FuzzParse(f *testing.F) {
	f.Add(string(Example()), "X=1")
	f.Add("[[directory]]\nservers = [\n\"x\"\n]\na.b = {c=[{d=1}]}", "REDIS__TIMEOUT=5s")
	f.Add("[redis]\npassword = \"hunter2hunter2\"\n", "REDIS__PASSWORD=")
	f.Add("\"\x1b[2J\" = 1\n\"a\\nb\" = 2\n\"\u202e\" = 3", "A\x1b__B=1")
	f.Add("[limits.\"x\\u001b\"]\nrates = [\"\\u0007\"]\n[redis]\ntimeout = \"\\u001b[2J\"", "DIRECTORY__0__NAME=x")
	f.Add("x = '''\n\n\n'''\ny = [\n1,\n[2,\n]]\nz = \"\"\"\\", "DIRECTORY__9__NAME=x")
	f.Add("[[policy]]\n[[policy]]\n[policy.0]\n[[policy.1]]", "POLICY__-1__X=[")
	f.Add("a = { b = { c = 1 } }\r\n[a]\r\n[[a.b]]\rq", "__=__")
	f.Fuzz(func(t *testing.T, text, variable string) {
		c, err := parse("fuzz.toml", []byte(text), []string{EnvPrefix + variable})
		if err == nil {
			if c == nil {
				t.Error("neither a configuration nor a fault")
			}
			return
		}
		faults, ok := errors.AsType[*Errors](err)
		if !ok || len(faults.Faults) == 0 {
			t.Fatalf("%v is no list of faults", err)
		}
		lines := strings.Count(text, "\n") + 1
		for _, fault := range faults.Faults {
			shown := fault.String()
			if strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(shown) {
				t.Errorf("%q does more than being read", shown)
			}
			if fault.Line < 0 || fault.Line > lines {
				t.Errorf("%q is about line %d of %d", shown, fault.Line, lines)
			}
			if fault.Line > 0 && fault.Variable != "" || fault.Variable != "" && !strings.HasPrefix(fault.Variable, EnvPrefix) {
				t.Errorf("%+v has two places", fault)
			}
		}
	})
}

// FuzzSecretInFile: a secret that stands in the file is in no fault, whatever
// is wrong around it.
func FuzzSecretInFile(f *testing.F) {
	const canary = "c4n4ry-c4n4ry"
	f.Add("[redis]\npassword = \"", "\"\n")
	f.Add("[mail]\npassword = '", "\n")
	f.Add("[[directory]]\nbind_password = ", "\n]")
	f.Add("password = \"\"\"\n", "\"\"")
	f.Add("x = 1 ", " = 2")
	f.Fuzz(func(t *testing.T, before, behind string) {
		// A key may be shown, so the canary is what follows a sign of equality.
		if !strings.Contains(before, "=") || strings.ContainsAny(before[strings.LastIndex(before, "="):], "\n[{,.") || strings.Contains(behind, "=") {
			t.Skip()
		}
		if _, err := parse("fuzz.toml", []byte(before+canary+behind), nil); err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzNearest: a suggestion is one of the known names, and the distance to it is
// that of the way back.
func FuzzNearest(f *testing.F) {
	f.Add("timout", "timeout")
	f.Add("", "x")
	f.Add("ä\xff", "a")
	f.Fuzz(func(t *testing.T, typed, known string) {
		if got := nearest(typed, []string{known}); got != "" && got != known {
			t.Errorf("%q was meant by %q", got, typed)
		}
		there, back := editDistance(typed, known), editDistance(known, typed)
		if there != back || there > max(len(typed), len(known)) || (there == 0) != (typed == known) {
			t.Errorf("%q and %q: %d there, %d back", typed, known, there, back)
		}
	})
}
