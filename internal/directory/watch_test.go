package directory

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

func TestValidUntil(t *testing.T) {
	at := func(day int) *x509.Certificate {
		return &x509.Certificate{NotAfter: time.Date(2030, 1, day, 0, 0, 0, 0, time.UTC)}
	}
	state := tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{at(9), at(3)}, {at(9), at(5), at(7)}}}
	if got := validUntil(state); got.Day() != 5 {
		t.Errorf("valid until %s: the better chain ends with its first certificate", got)
	}
}

func TestF10_OnceADayAndServer(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var one, other server
	for _, test := range []struct {
		server *server
		after  time.Duration
		want   bool
	}{{&one, 0, true}, {&one, time.Hour, false}, {&other, time.Hour, true}, {&one, 23 * time.Hour, false}, {&one, 24 * time.Hour, true}, {&one, 25 * time.Hour, false}} {
		if got := test.server.dueToWarn(now.Add(test.after)); got != test.want {
			t.Errorf("after %s: %t", test.after, got)
		}
	}
}
