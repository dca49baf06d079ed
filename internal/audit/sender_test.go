package audit

import (
	"log/slog"
	"testing"
)

// TestLinesGather: lines that come together share a round trip, in their order,
// and nothing waits once no more can come.
func TestLinesGather(t *testing.T) {
	s := newSender(nil, slog.New(slog.DiscardHandler))
	s.send([][]byte{[]byte("b"), []byte("c")})
	s.send([][]byte{[]byte("d")})
	close(s.batches)
	all := ""
	for _, text := range s.gather([][]byte{[]byte("a")}) {
		all += string(text)
	}
	if all != "abcd" {
		t.Errorf("gathered %q", all)
	}
}
