package benchmark

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
)

// inbox takes what the servers under test send: the other end of package
// resetapi/delivery/bench.
type inbox struct {
	path     string
	listener net.Listener

	mu      sync.Mutex
	waiting map[string]chan string
	codes   int
	notices int
	// changed is closed with each message.
	changed chan struct{}
	faults  []error
}

// openInbox listens on a unix socket at a path.
func openInbox(ctx context.Context, path string) (*inbox, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	i := &inbox{path: path, listener: listener, waiting: make(map[string]chan string), changed: make(chan struct{})}
	go i.accept()
	return i, nil
}

func (i *inbox) accept() {
	for {
		conn, err := i.listener.Accept()
		if err != nil {
			return
		}
		go i.read(conn)
	}
}

func (i *inbox) read(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		i.take(lines.Text())
	}
}

// take reads "kind method to code".
func (i *inbox) take(line string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	fields := strings.Fields(line)
	switch {
	case len(fields) == 4 && fields[0] == "code":
		i.codes++
		if waits, ok := i.waiting[fields[1]+" "+fields[2]]; ok {
			delete(i.waiting, fields[1]+" "+fields[2])
			waits <- fields[3]
			break
		}
		i.faults = append(i.faults, fmt.Errorf("a code for nobody who waits"))
	case len(fields) == 3 && fields[0] == "notice":
		i.notices++
	default:
		i.faults = append(i.faults, fmt.Errorf("an unexpected message of the kind %q", strings.SplitN(line, " ", 2)[0]))
	}
	close(i.changed)
	i.changed = make(chan struct{})
}

// expect announces that a code is going to be asked for.
func (i *inbox) expect(method, to string) <-chan string {
	i.mu.Lock()
	defer i.mu.Unlock()
	waits := make(chan string, 1)
	i.waiting[method+" "+to] = waits
	return waits
}

// counts returns how many messages of each sort came, and what went wrong.
func (i *inbox) counts() (codes, notices int, faults []error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.codes, i.notices, i.faults
}

// awaitNotices waits until so many have come.
func (i *inbox) awaitNotices(ctx context.Context, want int) error {
	for {
		i.mu.Lock()
		n, changed := i.notices, i.changed
		i.mu.Unlock()
		if n >= want {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d notices came: %w", n, want, context.Cause(ctx))
		}
	}
}

func (i *inbox) close() { i.listener.Close() }
