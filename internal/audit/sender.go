package audit

import (
	"context"
	"log/slog"
	"time"
)

const (
	// sendQueue is how many batches wait for Redis; more are left out.
	sendQueue = 64
	// sendTime bounds one batch, and what is left when the log closes.
	sendTime = 2 * time.Second
	// gatherFor is how long lines wait for others to go with them.
	gatherFor = 100 * time.Millisecond
)

// sender brings lines into the tail behind the back of the log: Redis being
// slow or away must not hold up a line on the disk.
type sender struct {
	tail    *Tail
	logger  *slog.Logger
	batches chan [][]byte
	ctx     context.Context
	stop    context.CancelFunc
	failing bool
}

func newSender(tail *Tail, logger *slog.Logger) *sender {
	s := &sender{tail: tail, logger: logger, batches: make(chan [][]byte, sendQueue)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// send never waits.
func (s *sender) send(texts [][]byte) {
	select {
	case s.batches <- texts:
	default:
	}
}

// close is called when nothing more is sent.
func (s *sender) close() {
	close(s.batches)
	time.AfterFunc(sendTime, s.stop)
}

// gather adds the lines that come soon, so that they share a round trip.
func (s *sender) gather(texts [][]byte) [][]byte {
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	for len(texts) < maxBatch {
		select {
		case more, open := <-s.batches:
			if !open {
				return texts
			}
			texts = append(texts, more...)
		case <-timer.C:
			return texts
		}
	}
	return texts
}

func (s *sender) run() {
	for texts := range s.batches {
		texts = s.gather(texts)
		ctx, cancel := context.WithTimeout(s.ctx, sendTime)
		err := s.tail.add(ctx, texts)
		cancel()
		if err != nil && !s.failing {
			s.logger.Warn("lines of the audit do not reach Redis; searching misses them, the files have them", "error", err)
		}
		s.failing = err != nil
	}
}
