package blackbox

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestS64_SizesAndTimes: bodies and headers that are too large are refused
// unread, also where nobody said how large they are, and who sends too slowly is
// cut off. Others are served meanwhile.
func TestS64_SizesAndTimes(t *testing.T) {
	s := start(t, options{limits: roomy()})
	host := "Host: " + strings.TrimPrefix(s.base, "http://") + "\r\nConnection: close\r\n"
	const json, form = "Content-Type: application/json\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"
	large := strings.Repeat("a", 65<<10)
	chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(large)+10, `{"login":"`+large)
	for request, want := range map[string]int{
		"POST /api/v1/recoveries HTTP/1.1\r\n" + host + json + fmt.Sprintf("Content-Length: %d\r\n\r\n", 10<<20): 413,
		"POST /api/v1/recoveries HTTP/1.1\r\n" + host + json + chunked:                                           413,
		"POST / HTTP/1.1\r\n" + host + form + fmt.Sprintf("Content-Length: %d\r\n\r\n", 10<<20):                  413,
		"POST / HTTP/1.1\r\n" + host + form + chunked:                                                            413,
		"GET / HTTP/1.1\r\n" + host + "X-Large: " + strings.Repeat("a", 24<<10) + "\r\n\r\n":                     431,
		"GET / HTTP/1.1\r\n" + host + strings.Repeat("X-Many: aaaaaaaaaaaaaaaa\r\n", 1000) + "\r\n":              431,
		"GET /?" + strings.Repeat("a", 24<<10) + " HTTP/1.1\r\n" + host + "\r\n":                                 431,
		"POST / HTTP/1.1\r\n" + host + form + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
		"POST / HTTP/1.1\r\n" + host + form + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd":               400,
		"POST / HTTP/1.1\r\n" + host + form + "Content-Length: 17\r\n\r\nlogin=a&login[]=b":                      303,
		"POST / HTTP/1.1\r\n" + host + form + "Content-Length: 9\r\n\r\nlogin[]=b":                               400,
		"POST / HTTP/1.1\r\n" + host + form + "Content-Length: 15\r\n\r\nlogin=a&login=b":                        400,
	} {
		begun := time.Now()
		answer, _ := s.raw(request)
		if answer.StatusCode != want {
			t.Errorf("%.150q: %d, want %d", request, answer.StatusCode, want)
		}
		if took := time.Since(begun); want == 413 && took > 5*time.Second {
			t.Errorf("%.100q was refused after %v", request, took)
		}
	}
	var slow sync.WaitGroup
	for what, beginning := range map[string]string{
		"nothing":              "",
		"half a header":        "GET / HTTP/1.1\r\n" + host,
		"a header and no body": "POST /api/v1/recoveries HTTP/1.1\r\n" + host + json + "Content-Length: 2000\r\n\r\n{",
	} {
		slow.Go(func() { s.cutOff(what, beginning) })
	}
	c := s.caller().verified("alice")
	c.want(http.StatusOK, c.set(newPassword))
	slow.Wait()
}

// cutOff sends the beginning of a request and then a byte now and then, until
// the server has had enough.
func (s *stack) cutOff(what, beginning string) {
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		s.t.Error(err)
		return
	}
	defer connection.Close()
	begun := time.Now()
	if _, err := io.WriteString(connection, beginning); err != nil {
		s.t.Error(err)
	}
	dripped := make(chan struct{})
	defer close(dripped)
	go func() {
		drip := time.NewTicker(time.Second)
		defer drip.Stop()
		for {
			select {
			case <-drip.C:
				if beginning != "" {
					_, _ = io.WriteString(connection, " ") // it may be closed
				}
			case <-dripped:
				return
			}
		}
	}()
	_ = connection.SetReadDeadline(begun.Add(patience))
	if _, err := io.Copy(io.Discard, connection); err != nil && strings.Contains(err.Error(), "timeout") {
		s.t.Errorf("%s: still open after %v", what, time.Since(begun).Round(time.Second))
	}
}
