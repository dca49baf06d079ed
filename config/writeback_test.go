package config

import (
	"slices"
	"strings"
	"testing"
)

// The identity that writes contacts is not the one that writes passwords, and what
// it writes is not what people are found by.
func TestWriteBackFaults(t *testing.T) {
	text := completed(t)
	good := []string{
		"LATCHKEY_SYNC__0__WRITE_BACK__BIND_DN=cn=contacts,dc=example,dc=org", "LATCHKEY_SYNC__0__WRITE_BACK__BIND_PASSWORD=" + canary,
		"LATCHKEY_SYNC__0__WRITE_BACK__MOBILE=otherMobile",
	}
	c, err := parse("x", []byte(text), good)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.WrittenBack(); len(got) != 1 || got[0] != c.Directories[0].Name || c.DirectoryNamed(got[0]).BaseDN != c.Directories[0].BaseDN {
		t.Errorf("written back: %q", got)
	}
	if c, err := parse("x", []byte(text), nil); err != nil || c.WrittenBack() != nil {
		t.Errorf("by default: %v, %v", c, err)
	}
	with := func(line string) []string {
		name, _, _ := strings.Cut(line, "=")
		others := slices.DeleteFunc(slices.Clone(good), func(other string) bool { return strings.HasPrefix(other, name+"=") })
		return append(others, line)
	}
	wantFault(t, "sync[0].write_back.bind_dn is that of the [[directory]]", text, with("LATCHKEY_SYNC__0__WRITE_BACK__BIND_DN="+strings.ToUpper(c.Directories[0].BindDN))...)
	wantFault(t, "sync[0].write_back.mobile is an attribute by which people are found", text, with("LATCHKEY_DIRECTORY__0__USER_FILTER=(|(uid={login})(othermobile={login}))")...)
	wantFault(t, "sync[0].write_back.mobile is an attribute by which people are found", text, with("LATCHKEY_DIRECTORY__0__LOGIN_ATTRIBUTE=otherMobile")...)
	wantFault(t, "sync[0].write_back.email names the primary mail address", text, with("LATCHKEY_SYNC__0__WRITE_BACK__EMAIL=mail")...)
	wantFault(t, "sync[0].write_back.mobile is not an attribute for contacts", text, with("LATCHKEY_SYNC__0__WRITE_BACK__MOBILE=userPassword")...)
}
