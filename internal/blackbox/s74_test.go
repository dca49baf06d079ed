package blackbox

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// TestS74_AFreezeIsEverywhere: while people set passwords on two servers, nothing
// is written 5 seconds after a freeze, on neither; by the file also when Redis
// is back and knows of none.
func TestS74_AFreezeIsEverywhere(t *testing.T) {
	s := start(t, options{limits: roomy()})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_SERVER__FREEZE_FILE=" + s.dir + "/frozen"}
	s.serve()
	b := s.second("LATCHKEY_SERVER__FREEZE_FILE=" + s.dir + "/frozen")
	var last atomic.Int64 // when a password was last written
	var writes, refused, number atomic.Int32
	over := make(chan struct{})
	var load sync.WaitGroup
	for _, at := range []*stack{s, b} {
		uid := map[*stack]string{s: "alice", b: "bob"}[at]
		load.Go(func() {
			c := at.caller().verified(uid)
			for {
				select {
				case <-over:
					return
				default:
				}
				if c == nil {
					if c = at.tryVerified(uid); c == nil {
						refused.Add(1)
					}
					continue
				}
				switch r := c.set(fmt.Sprintf("%s-%d", newPassword, number.Add(1))); r.status {
				case http.StatusOK:
					last.Store(time.Now().UnixNano())
					writes.Add(1)
					c = nil
				case http.StatusServiceUnavailable:
					refused.Add(1)
				default:
					c = nil
				}
			}
		})
	}
	eventually(t, "passwords are written on both", func() bool { return writes.Load() >= 6 })
	s.run("freeze", "--reason", "test")
	limit := time.Now().Add(5 * time.Second)
	known := refused.Load()
	eventually(t, "both had time to write on", func() bool { return time.Now().After(limit.Add(time.Second)) && refused.Load() > known })
	close(over)
	load.Wait()
	if at := time.Unix(0, last.Load()); at.After(limit) {
		t.Errorf("a password was written %v after the freeze", at.Sub(limit.Add(-5*time.Second)))
	}
	s.run("unfreeze")
	alice, bob := s.caller(), b.caller()
	eventually(t, "both go on", func() bool {
		return alice.do(http.MethodPost, "/recoveries", fields{"login": "alice"}).status == http.StatusAccepted &&
			bob.do(http.MethodPost, "/recoveries", fields{"login": "bob"}).status == http.StatusAccepted
	})
	alice.verified("alice")
	bob.verified("bob")
	s.redis.Kill()
	s.file("frozen", "Redis is away\n")
	if err := s.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*caller{alice, bob} {
		eventually(t, "Redis is back and the file is seen", func() bool {
			started := c.s.caller().do(http.MethodPost, "/recoveries", fields{"login": "alice"})
			return c.view().status == http.StatusOK && started.status == http.StatusServiceUnavailable
		})
		c.want(http.StatusServiceUnavailable, c.set(newPassword))
	}
	if err := os.Remove(s.dir + "/frozen"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the write goes on", func() bool { return alice.set(newPassword).status == http.StatusOK })
}

// tryVerified passes the gate of a person, or is nil where a freeze forbids it.
func (s *stack) tryVerified(uid string) *caller {
	s.t.Helper()
	c := s.caller()
	r := c.do(http.MethodPost, "/recoveries", fields{"login": uid})
	if r.status != http.StatusAccepted {
		return nil
	}
	c.id, c.token = r.json["id"].(string), r.json["token"].(string)
	before := s.codesTo(uid)
	if c.open().status != http.StatusAccepted {
		return nil
	}
	late := time.After(patience)
	for s.codesTo(uid) == before {
		if frozen := s.caller().do(http.MethodPost, "/recoveries", fields{"login": uid}); frozen.status == http.StatusServiceUnavailable {
			return nil // the code is held
		}
		select {
		case <-late:
			return nil
		default:
		}
	}
	if c.prove(s.code(uid, before)).status != http.StatusOK {
		return nil
	}
	return c
}

// TestS74_ASubtree is frozen by itself: whoever is in it is refused by mail, and
// nothing is written for them, also where all gates are passed.
func TestS74_ASubtree(t *testing.T) {
	s := start(t, options{limits: roomy()})
	alice, bob := s.caller().verified("alice"), s.caller().verified("bob")
	top := strings.ToUpper(testenv.PersonDN("alice"))
	s.run("freeze", "--under", top, "--reason", "test")
	eventually(t, "the last write is refused", func() bool { return s.frozenFor("alice") })
	alice.want(http.StatusServiceUnavailable, alice.set(newPassword))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	bob.want(http.StatusOK, bob.set(newPassword))
	s.run("unfreeze", "--under", top)
	eventually(t, "the write goes on", func() bool { return alice.set(newPassword).status == http.StatusOK })
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// frozenFor begins a recovery and reports whether its mail tells of the freeze.
func (s *stack) frozenFor(uid string) bool {
	s.t.Helper()
	known := s.mailTo(uid)
	c := s.caller()
	c.start(uid)
	c.want(http.StatusAccepted, c.open())
	eventually(s.t, "a mail comes", func() bool { return s.mailTo(uid) > known })
	n := 0
	for _, m := range s.mail.Messages() {
		if m.To[0] == uid+"@home.test" && strings.Contains(strings.Join(strings.Fields(m.Text), " "), "stopped at the moment for the part") {
			n++
		}
	}
	return n > 0
}

// TestS74_AChannel is frozen by itself: everybody is told so alike, the other way
// is open, and notices by it wait.
func TestS74_AChannel(t *testing.T) {
	s, gateway := withSMS(t, options{limits: roomy()})
	first := s.caller()
	first.start("bob")
	first.want(http.StatusAccepted, first.openBy("email"))
	first.want(http.StatusOK, first.proveBy("email", s.code("bob", 0)))
	first.want(http.StatusAccepted, first.openBy("sms"))
	first.want(http.StatusOK, first.proveBy("sms", s.smsCode(gateway, 0)))
	s.run("freeze", "--channel", "sms", "--reason", "test")
	eventually(t, "the channel is frozen", func() bool {
		c := s.caller()
		c.start("missing")
		return c.openBy("sms").status == http.StatusServiceUnavailable
	})
	for _, login := range []string{"alice", "bob", "missing", "protected"} {
		c := s.caller()
		c.start(login)
		r := c.want(http.StatusServiceUnavailable, c.openBy("sms"))
		if r.json["type"] != "urn:latchkey:problem:channel_frozen" || r.header.Get("Retry-After") != "60" {
			t.Errorf("%s is told %s", login, r.body)
		}
		c.want(http.StatusAccepted, c.openBy("email"))
		b := s.browser().visit("/").submit("/", fields{"login": login})
		b.post("/verify/send", map[string][]string{"method": {"sms"}}).on("/verify", http.StatusOK, "no codes are sent in this way", "E-mail me a code")
	}
	first.want(http.StatusOK, first.set(newPassword))
	s.link("bob@home.test")
	eventually(t, "the notice by SMS is held", func() bool {
		out, _ := exec.Command("sh", "-c", "cd "+s.dir+" && "+s.program+" --config latchkey.toml delivery list --json").Output()
		return strings.Contains(string(out), `"held"`)
	})
	if n := len(gateway.Requests()); n != 1 {
		t.Errorf("%d SMS, want the one code from before", n)
	}
	s.signsIn("bob", newPassword, testenv.FirstPassword)
}
