package directory

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// fakeResolver answers what the test wants, and counts the questions.
type fakeResolver struct {
	targets []string
	err     error
	asked   int
	hang    bool
}

func (f *fakeResolver) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	f.asked++
	if f.hang {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	if service != "ldap" || proto != "tcp" || name != "example.test." {
		return "", nil, errors.New("another question")
	}
	var records []*net.SRV
	for _, target := range f.targets {
		records = append(records, &net.SRV{Target: target, Port: 389})
	}
	return "", records, f.err
}

// TestDNSIsAskedAgain in the background. While it is away the servers from before
// stay, and a server that stays keeps what is known of it.
func TestDNSIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := newBackground()
		defer tasks.close()
		dns := &fakeResolver{targets: []string{"a.example.test.", "B.example.test."}}
		c := Config{Servers: []string{"ldap+srv://example.test", "ldap://b.example.test:389", "ldaps://c.example.test"}}
		c.ConnectTimeout = Defaults().ConnectTimeout
		r, err := newRoster(c, dns, tasks, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		want := func(when string, asked int, addresses ...string) []*server {
			t.Helper()
			all, err := r.all(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			synctest.Wait()
			got := []string{}
			for _, s := range all {
				got = append(got, s.address)
			}
			if !slices.Equal(got, addresses) || dns.asked != asked {
				t.Errorf("%s: %q after %d questions, want %q after %d", when, got, dns.asked, addresses, asked)
			}
			return all
		}
		const a, b, d, other = "a.example.test:389", "b.example.test:389", "d.example.test:389", "c.example.test:636"
		before := want("at first", 1, a, b, other)
		time.Sleep(discoverEvery - time.Second)
		want("not yet due", 1, a, b, other)
		time.Sleep(time.Second)
		dns.targets = []string{"d.example.test.", "a.example.test."}
		want("due: asked in the background", 2, a, b, other)
		after := want("then", 2, d, a, b, other)
		if before[0] != after[1] {
			t.Error("the server that stays is another one")
		}
		time.Sleep(discoverEvery)
		dns.hang = true
		begun := time.Now()
		all, err := r.all(t.Context())
		if err != nil || len(all) != 4 || time.Since(begun) != 0 {
			t.Errorf("while DNS hangs: %d servers after %s, %v", len(all), time.Since(begun), err)
		}
		time.Sleep(c.ConnectTimeout.Std() + time.Second)
		synctest.Wait()
		dns.hang, dns.err, dns.targets = false, errors.New("away"), nil
		want("DNS is away", 3, d, a, b, other)
		time.Sleep(discoverAgain)
		want("and still", 4, d, a, b, other)
		time.Sleep(discoverAgain)
		dns.err, dns.targets = nil, []string{"."}
		want("no service any more", 5, d, a, b, other)
	})
}
