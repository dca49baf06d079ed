package blackbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// volley sends n requests that arrive as nearly at once as one machine can make
// them: all connections are open and all requests but for their last byte are
// with the server before the first is completed. body gives the i-th one's body;
// sent tells the caller's token and address along. Answers that never came are
// left out.
func (c *caller) volley(n int, method, path string, body func(i int) any) []reply {
	c.s.t.Helper()
	connections := make([]net.Conn, n)
	for i := range n {
		encoded, err := json.Marshal(body(i))
		if err != nil {
			c.s.t.Fatal(err)
		}
		if connections[i], err = c.almost(method, path, encoded); err != nil {
			c.s.t.Fatal(err)
		}
		defer connections[i].Close()
	}
	replies := make([]reply, n)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, connection := range connections {
		all.Go(func() {
			<-begin
			if _, err := connection.Write([]byte("}")); err == nil {
				replies[i], _ = answerOn(connection)
			}
		})
	}
	close(begin)
	all.Wait()
	var came []reply
	for _, r := range replies {
		if r.status != 0 {
			came = append(came, r)
		}
	}
	return came
}

// almost opens a connection and sends a request but for its last byte, which is
// the brace of its JSON object.
func (c *caller) almost(method, path string, body []byte) (net.Conn, error) {
	host := strings.TrimPrefix(c.s.base, "http://")
	connection, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	authorization := ""
	if c.token != "" {
		authorization = "Authorization: Bearer " + c.token + "\r\n"
	}
	_, err = fmt.Fprintf(connection, "%s /api/v1%s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		method, path, host, c.address, authorization, len(body), body[:len(body)-1])
	return connection, err
}

func answerOn(connection net.Conn) (reply, error) {
	if err := connection.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return reply{}, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	r := reply{status: answer.StatusCode, header: answer.Header}
	if r.body, err = io.ReadAll(answer.Body); err != nil {
		return reply{}, err
	}
	if len(r.body) > 0 {
		err = json.Unmarshal(r.body, &r.json)
	}
	return r, err
}
