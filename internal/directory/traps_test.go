package directory_test

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// traps are what go-ldap v3 does that a caller may stumble over, with the tests
// that show that this package does not.
var traps = map[string][]string{
	"its PasswordModify sends no controls and drops those of the answer": {"TestRefusalsOfThePolicy", "TestJudge"},
	"its errors hold the text of the server":                             {"TestTrap_TheTextOfTheServer", "TestJudge"},
	"an empty new password asks the server to make one":                  {"TestPasswordsThatAreNeverSent", "TestAnswersThatSlapdDoesNotGiveHere"},
	"its timeout abandons nothing and leaves the connection open":        {"TestF08_PausedDuringTheWrite", "TestTrap_AfterADeadlineTheConnectionIsGone"},
	"its StartTLS waits forever for the handshake":                       {"TestF08_SilentServers"},
	"its writes have no deadline, and Close waits for them":              {"TestTrap_APeerThatStopsReading"},
	"it has no pool, and some of its errors have no code":                {"TestF09_RestartIsNotNoticed", "TestTrap_AnAnswerThatIsNoLDAP"},
	"a bind changes who a shared connection is":                          {"TestTrap_NobodyIsBoundOnASharedConnection", "TestPasswordsThatAreNeverSent"},
	"its Search keeps all entries in memory":                             {"TestEachPageStreams", "TestTwoHitsAreNobody"},
	"its helpers add controls to a request that is used again":           {"TestTrap_EachPageHasOneCookie"},
	"it dials for a minute, and takes the name to verify from the URL":   {"TestF08_SilentServers", "TestS27_NothingIsSentWithoutVerifiedTLS"},
	"a value is sent as it is: unicodePwd is UTF-16 in quotes":           {"TestActiveDirectoryPasswords", "TestS32_PolicyHints"},
}

// TestTrapsAreTested looks whether the tests are there.
func TestTrapsAreTested(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]bool)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok {
				tests[f.Name.Name] = true
			}
		}
	}
	for trap, names := range traps {
		for _, name := range names {
			if !tests[name] {
				t.Errorf("%s: there is no test %s", trap, name)
			}
		}
	}
}

// TestTrap_TheTextOfTheServer is for the operator's log, not for people.
func TestTrap_TheTextOfTheServer(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	err := d.SetPassword(t.Context(), find(t, d, "alice"), "short-1")
	refused, ok := errors.AsType[*directory.RefusedError](err)
	if !ok || strings.Contains(err.Error(), "quality") || !strings.Contains(refused.Detail, "Password fails quality checking policy") {
		t.Errorf("got %v", err)
	}
}

// TestTrap_AfterADeadlineTheConnectionIsGone: an answer that comes late finds
// nobody, and is not taken for that of another request.
func TestTrap_AfterADeadlineTheConnectionIsGone(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	alice := find(t, d, "alice")
	before := proxy.Connections()
	held := make(chan struct{})
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == testenv.LDAPExtendedResponse && !bytes.Contains(m.Bytes, []byte("dn:")) {
			return testenv.LDAPAction{Wait: held}
		}
		return testenv.LDAPAction{}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, unknown := errors.AsType[*directory.UnknownError](d.SetPassword(ctx, alice, second)); !unknown {
		t.Fatal("the outcome is known")
	}
	close(held)
	find(t, d, "bob")
	if n := proxy.Connections() - before; n != 1 {
		t.Errorf("%d new connections, want 1", n)
	}
	eventually(t, "the old one is closed", func() bool { return proxy.Open() == 1 })
}

// TestTrap_AnAnswerThatIsNoLDAP ends as an error without a code. A read is made
// again, the outcome of a write is unknown.
func TestTrap_AnAnswerThatIsNoLDAP(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	alice := find(t, d, "alice")
	garble := func(op int) {
		var once atomic.Bool
		proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op == op && !bytes.Contains(m.Bytes, []byte("dn:")) && once.CompareAndSwap(false, true) {
				// A length of nine bytes.
				return testenv.LDAPAction{Replace: []byte("\x30\x89\xff\xff\xff\xff\xff\xff\xff\xff\xff")}
			}
			return testenv.LDAPAction{}
		})
	}
	garble(testenv.LDAPSearchDone)
	if p, err := d.Read(t.Context(), alice.ID); err != nil || p.DN != alice.DN {
		t.Errorf("read: %v", err)
	}
	garble(testenv.LDAPExtendedResponse)
	if _, unknown := errors.AsType[*directory.UnknownError](d.SetPassword(t.Context(), alice, second)); !unknown {
		t.Error("the outcome is known")
	}
	if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}

// TestTrap_NobodyIsBoundOnASharedConnection: what proves a password of a person
// has a connection of its own.
func TestTrap_NobodyIsBoundOnASharedConnection(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice := find(t, d, "alice")
	if err := d.Change(t.Context(), alice, testenv.FirstPassword, second); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	find(t, d, "alice")
	who := make(map[string]map[string]bool)
	for _, m := range regexp.MustCompile(`(conn=\d+) op=\d+ BIND dn="([^"]*)" method`).FindAllStringSubmatch(slapdLog(t, s), -1) {
		if who[m[1]] == nil {
			who[m[1]] = make(map[string]bool)
		}
		who[m[1]][m[2]] = true
	}
	people := 0
	for connection, names := range who {
		if names[alice.DN] {
			people++
		}
		if len(names) != 1 {
			t.Errorf("%s was bound as %v", connection, names)
		}
	}
	if people != 2 {
		t.Errorf("%d connections were the person's, want 2", people)
	}
}

// TestTrap_EachPageHasOneCookie: a request for a page holds no control of the one
// before.
func TestTrap_EachPageHasOneCookie(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	var requests, doubled atomic.Int32
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		switch bytes.Count(m.Bytes, []byte("1.2.840.113556.1.4.319")) {
		case 0:
		case 1:
			requests.Add(1)
		default:
			doubled.Add(1)
		}
		return testenv.LDAPAction{}
	})
	seen := 0
	if err := d.EachPage(t.Context(), directory.Query{PageSize: 2}, func(p directory.Page) error {
		seen += len(p.Entries)
		return nil
	}); err != nil || seen != len(testenv.People()) {
		t.Errorf("%d people, %v", seen, err)
	}
	if requests.Load() < 4 || doubled.Load() != 0 {
		t.Errorf("%d requests with one control, %d with more", requests.Load(), doubled.Load())
	}
}
