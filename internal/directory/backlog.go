package directory

import "sync"

// backlog holds the messages of a search that wait for whoever reads it. Beyond
// so many bytes the server has to wait.
type backlog struct {
	id int64

	mu    sync.Mutex
	bytes []byte
	err   error
	// spare is what was taken before.
	spare []byte
	// more and room hold a signal at most; stopped is closed when nobody reads.
	more, room chan struct{}
	stopped    chan struct{}
	once       sync.Once
}

// backlogSize is how much may wait; a longer message waits alone.
const backlogSize = 256 << 10

func newBacklog(id int64) *backlog {
	return &backlog{id: id, more: make(chan struct{}, 1), room: make(chan struct{}, 1), stopped: make(chan struct{})}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds a message.
func (b *backlog) put(message []byte) {
	b.mu.Lock()
	for len(b.bytes) > 0 && len(b.bytes)+len(message) > backlogSize {
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-b.stopped:
			return
		}
		b.mu.Lock()
	}
	b.bytes = append(b.bytes, message...)
	b.mu.Unlock()
	signal(b.more)
}

// end tells that nothing follows.
func (b *backlog) end(err error) {
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
	signal(b.more)
}

// stop tells that nobody reads any more.
func (b *backlog) stop() { b.once.Do(func() { close(b.stopped) }) }

// take waits for messages and returns all that are there, one behind the other.
// They stay as they are until the next take.
func (b *backlog) take() ([]byte, error) {
	for {
		b.mu.Lock()
		taken, err := b.bytes, b.err
		if len(taken) > 0 {
			b.bytes, b.spare = b.spare[:0], taken
			if cap(taken) > 2*backlogSize {
				b.spare = nil
			}
		}
		b.mu.Unlock()
		signal(b.room)
		if len(taken) > 0 {
			return taken, nil
		}
		if err != nil {
			return nil, err
		}
		<-b.more
	}
}
