package benchmark

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"latchkey/internal/testenv"
)

const (
	// oneGate and twoGates are how many people reset with one gate and with two.
	oneGate  = 128
	twoGates = 64
	// history is how many earlier passwords the policy keeps.
	history = 3

	twoGatesGroup = "cn=twogates,ou=groups," + testenv.BaseDN
)

// person is somebody who resets; one worker at a time has them in hand.
type person struct {
	uid, dn, email, mobile string
	gates                  int
	// password is the last one that was set; empty before the first.
	password string
}

// everyone returns the people with one gate and those with two.
func everyone() (one, two []*person) {
	for i := range oneGate + twoGates {
		uid := fmt.Sprintf("person%03d", i)
		// Numbers that are kept free for films.
		p := &person{uid: uid, email: uid + "@home.test", gates: 1}
		if i < oneGate {
			one = append(one, p)
		} else {
			p.gates, p.mobile = 2, fmt.Sprintf("+49171392%04d", i)
			two = append(two, p)
		}
	}
	return one, two
}

// entries is the LDIF of the people and their group, with passwords stored by
// a scheme and full histories.
func entries(ctx context.Context, scheme string, one, two []*person) (string, error) {
	var stored []string
	for range history + 1 {
		text, err := testenv.StoredPassword(ctx, scheme, rand.Text())
		if err != nil {
			return "", err
		}
		stored = append(stored, text)
	}
	long := time.Now().Add(-48 * time.Hour).UTC()
	const form = "20060102150405Z"
	var b strings.Builder
	for _, p := range append(append([]*person(nil), one...), two...) {
		fmt.Fprintf(&b, "\ndn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %[2]s\nsn: Example\nmail: %[2]s@example.test\n", testenv.PersonDN(p.uid), p.uid)
		fmt.Fprintf(&b, "userPassword: %s\npwdChangedTime: %s\n", stored[history], long.Format(form))
		for i, text := range stored[:history] {
			at := long.Add(time.Duration(i-history) * time.Hour)
			// time # syntax (octet string) # length # password
			fmt.Fprintf(&b, "pwdHistory: %s#1.3.6.1.4.1.1466.115.121.1.40#%d#%s\n", at.Format(form), len(text), text)
		}
	}
	fmt.Fprintf(&b, "\ndn: %s\nobjectClass: groupOfNames\ncn: twogates\n", twoGatesGroup)
	for _, p := range two {
		fmt.Fprintf(&b, "member: %s\n", testenv.PersonDN(p.uid))
	}
	return b.String(), nil
}

// cards is the file for `contacts import`.
func cards(people ...[]*person) string {
	var b strings.Builder
	b.WriteString("login,email,mobile\n")
	for _, some := range people {
		for _, p := range some {
			fmt.Fprintf(&b, "%s,%s,%s\n", p.uid, p.email, p.mobile)
		}
	}
	return b.String()
}

// notices is how many messages tell the person of a changed password: one to
// each contact and one to the primary address.
func (p *person) notices() int { return p.gates + 1 }

// freshPassword is one that no policy minds.
func freshPassword() string { return "z-" + rand.Text() }
