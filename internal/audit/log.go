package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// flushEvery is how long a Note waits at most.
	flushEvery = time.Second
	// throttledEvery is how often a limit that turns attempts away gets a line.
	throttledEvery = time.Minute
	// maxNotes is how many Notes are kept while writing fails or lags behind.
	maxNotes = 10000
	// maxBatch is how many lines share one write.
	maxBatch = 1000
)

// Log is the open audit of this instance. Its methods are safe for concurrent
// use.
type Log struct {
	config Config
	logger *slog.Logger
	writer *writer
	sender *sender // nil without a tail

	mu        sync.Mutex
	pending   []entry
	notes     int // how many of pending nobody waits for
	dropped   uint64
	throttled map[string]uint64
	closed    bool
	// failure is why writing fails now; refused counts the Records since.
	failure error
	refused uint64

	wake    chan struct{}
	stop    chan struct{}
	running sync.WaitGroup
}

// entry is a line that waits to be written.
type entry struct {
	line Line
	// done gets the outcome; nil for a Note.
	done chan error
}

func newLog(c Config, w *writer, tail *Tail, logger *slog.Logger) *Log {
	l := &Log{
		config: c, logger: logger, writer: w, throttled: make(map[string]uint64),
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	if tail != nil {
		l.sender = newSender(tail, logger)
	}
	return l
}

// begin writes the first lines and starts the writing in the background.
func (l *Log) begin(torn int64) error {
	lines := []Line{{Time: now(), Event: Event{Kind: Started}}}
	if torn > 0 {
		l.logger.Warn("the audit ended in the middle of a line after a crash; the rest was cut off", "bytes", torn)
		lines = append(lines, Line{Time: now(), Event: Event{Kind: Torn}, Count: uint64(torn)})
	}
	if err := l.append(lines); err != nil {
		return err
	}
	l.expire()
	if l.sender != nil {
		l.running.Go(l.sender.run)
	}
	l.running.Go(l.run)
	return nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Record puts an event into the chain and returns when it is on the disk. An
// error, [ErrUnwritable] or [ErrClosed] or that of ctx, means that it must be
// taken as not recorded: whatever it was to announce must not be done.
func (l *Log) Record(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.pending = append(l.pending, entry{Line{Time: now(), Event: e.cleaned()}, done})
	l.mu.Unlock()
	l.awake()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Note puts an event into the chain within a second and does not wait. When
// 10,000 wait, because the audit cannot be written, more are dropped; a later
// line says how many.
func (l *Log) Note(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(Line{Time: now(), Event: e.cleaned()})
}

// note needs the lock.
func (l *Log) note(line Line) {
	if l.closed || l.notes >= maxNotes {
		l.dropped++
		return
	}
	l.notes++
	l.pending = append(l.pending, entry{line: line})
	if l.notes >= maxBatch && l.failure == nil {
		l.awake() // so many do not wait for the next second
	}
}

// awake lets what waits be written now.
func (l *Log) awake() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

// Throttled counts an attempt that a limit turned away. Each limit gets one
// line a minute with the count.
func (l *Log) Throttled(limit string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.throttled[limit]++
}

// Err returns why the audit cannot be written now, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// Close writes what waits and a last line, and closes the files.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.sumUp()
	l.note(Line{Time: now(), Event: Event{Kind: Stopped}})
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	if l.sender != nil {
		defer l.sender.stop()
	}
	l.running.Wait()
	return errors.Join(l.Err(), l.writer.close())
}

// run writes what waits: at once when somebody waits for it, otherwise each
// second.
func (l *Log) run() {
	flush, sum := time.NewTicker(flushEvery), time.NewTicker(throttledEvery)
	defer flush.Stop()
	defer sum.Stop()
	for {
		select {
		case <-l.wake:
		case <-flush.C:
		case <-sum.C:
			l.mu.Lock()
			l.sumUp()
			l.mu.Unlock()
		case <-l.stop:
			l.flush()
			if l.sender != nil {
				l.sender.close()
			}
			return
		}
		l.flush()
	}
}

// sumUp turns the counts of throttled attempts into lines. It needs the lock.
func (l *Log) sumUp() {
	for limit, count := range l.throttled {
		l.note(Line{Time: now(), Event: Event{Kind: Throttled, Reason: limit}.cleaned(), Count: count})
	}
	clear(l.throttled)
}

// flush writes all that waits.
func (l *Log) flush() {
	rotated := l.writer.file
	for batch := range slices.Chunk(l.takePending(), maxBatch) {
		lines := make([]Line, len(batch))
		for i, e := range batch {
			lines[i] = e.line
		}
		err := l.append(lines)
		l.settle(batch, err)
	}
	if l.writer.file != rotated {
		l.expire()
	}
}

// takePending takes what waits, with lines about what was lost in front.
func (l *Log) takePending() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var own []entry
	if l.failure != nil {
		own = append(own, entry{line: Line{Time: now(), Event: Event{Kind: Resumed}, Count: l.refused}})
	}
	if l.dropped > 0 {
		own = append(own, entry{line: Line{Time: now(), Event: Event{Kind: Dropped}, Count: l.dropped}})
	}
	batch := append(own, l.pending...)
	l.pending, l.notes = nil, 0
	return batch
}

// settle tells those who wait what became of their lines. Notes that were not
// written wait again.
func (l *Log) settle(batch []entry, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var kept []entry
	for _, e := range batch {
		switch {
		case e.done != nil:
			if err != nil {
				l.refused++
			}
			e.done <- err
		case err == nil && e.line.Kind == Resumed:
			l.refused = 0
		case err == nil && e.line.Kind == Dropped:
			l.dropped -= e.line.Count
		case err != nil && e.line.Kind != Resumed && e.line.Kind != Dropped:
			kept = append(kept, e)
		}
	}
	room := max(0, maxNotes-l.notes)
	if len(kept) > room {
		l.dropped += uint64(len(kept) - room)
		kept = kept[:room]
	}
	l.notes += len(kept)
	l.pending = append(kept, l.pending...)
}

// append writes lines, passes them on, and raises or ends the alarm.
func (l *Log) append(lines []Line) error {
	texts, err := l.writer.append(lines)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrUnwritable, err)
	} else if headErr := l.writer.mark(); headErr != nil {
		// The lines are on the disk. An old head only makes a cut harder to find.
		l.logger.Error("the head of the audit cannot be written", "error", headErr)
	}
	l.mu.Lock()
	before := l.failure
	l.failure = err
	l.mu.Unlock()
	switch {
	case err != nil && before == nil:
		l.logger.Error("the audit cannot be written; no password is written until it can", "error", err)
	case err == nil && before != nil:
		l.logger.Warn("the audit can be written again")
	}
	if err == nil && l.sender != nil {
		l.sender.send(texts)
	}
	return err
}
