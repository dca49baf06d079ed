package benchmark

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tally is what one side did in all its slices.
type tally struct {
	sample
	used    usage
	traffic traffic
}

// usage is the time of processors of everyone who takes part.
type usage struct{ latchkey, directory, redis, generator time.Duration }

func (u usage) plus(v usage) usage {
	return usage{u.latchkey + v.latchkey, u.directory + v.directory, u.redis + v.redis, u.generator + v.generator}
}

func (u usage) minus(v usage) usage {
	return u.plus(usage{-v.latchkey, -v.directory, -v.redis, -v.generator})
}

func (u usage) each(done int) CPU {
	of := func(d time.Duration) float64 { return each(milliseconds(d), done) }
	return CPU{Latchkey: of(u.latchkey), Directory: of(u.directory), Redis: of(u.redis), Generator: of(u.generator)}
}

// contest is one row under way.
type contest struct {
	*site
	server   *server
	api      *api
	raw      *raw
	people   []*person
	gates    int
	parallel int
	slice    time.Duration
}

// used asks for the time of processors that everyone has used so far.
func (c *contest) used() (u usage, err error) {
	var failures [4]error
	u.latchkey, failures[0] = cpuTime(c.server.pid())
	u.directory, failures[1] = cpuTime(c.directory.PID())
	u.redis, failures[2] = cpuTime(c.redis.PID())
	u.generator, failures[3] = ownCPU()
	return u, errors.Join(failures[:]...)
}

// rawSlice is one slice of bare operations.
func (c *contest) rawSlice(ctx context.Context, length time.Duration) (t tally, err error) {
	before, err := c.used()
	if err != nil {
		return t, err
	}
	if t.sample, err = load(ctx, c.parallel, length, c.people, c.raw.set); err != nil {
		return t, fmt.Errorf("bare writes: %w", err)
	}
	after, err := c.used()
	t.used = after.minus(before)
	return t, err
}

// resetSlice is one slice of complete resets. It ends when the last notice was
// sent, and all counts must agree.
func (c *contest) resetSlice(ctx context.Context, length time.Duration) (t tally, err error) {
	redisBefore, err := trafficOf(ctx, c.redis)
	if err != nil {
		return t, err
	}
	codesBefore, noticesBefore, _ := c.inbox.counts()
	writtenBefore, err := c.server.written(ctx)
	if err != nil {
		return t, err
	}
	before, err := c.used()
	if err != nil {
		return t, err
	}
	begun := time.Now()
	if t.sample, err = load(ctx, c.parallel, length, c.people, c.api.reset); err != nil {
		return t, fmt.Errorf("reset: %w", err)
	}
	notices := t.done * c.people[0].notices()
	patience, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := c.inbox.awaitNotices(patience, noticesBefore+notices); err != nil {
		return t, err
	}
	t.took = time.Since(begun)
	after, err := c.used()
	if err != nil {
		return t, err
	}
	t.used = after.minus(before)
	redisAfter, err := trafficOf(ctx, c.redis)
	if err != nil {
		return t, err
	}
	t.traffic = redisAfter.since(redisBefore)
	codes, sent, faults := c.inbox.counts()
	written, err := c.server.written(ctx)
	if err == nil && (codes-codesBefore != t.done*c.gates || sent-noticesBefore != notices || written-writtenBefore != t.done) {
		err = fmt.Errorf("%w: %d resets, %d codes, %d notices, %d writes by the server's own count", errDisagree,
			t.done, codes-codesBefore, sent-noticesBefore, written-writtenBefore)
	}
	return t, errors.Join(append(faults, err)...)
}

// errDisagree means that a reset was not a real one, or more than one.
var errDisagree = errors.New("the counts do not agree")

func (t *tally) add(more tally) {
	t.sample.add(more.sample)
	t.used = t.used.plus(more.used)
	t.traffic.add(more.traffic)
}

// side is what a tally comes to.
func (t *tally) side() Side {
	return Side{Done: t.done, PerSecond: rate(t.done, t.took), All: spreadOf(t.steps[stepAll]), CPU: t.used.each(t.done)}
}

// run makes the slices of a row, the sides in turn, and in the other order each
// other round.
func (c *contest) run(ctx context.Context, rounds int) (Row, error) {
	var raws, resets tally
	row := Row{Gates: c.gates, Parallel: c.parallel, Steps: make(map[string]Spread)}
	for round := -1; round < rounds; round++ {
		length := c.slice
		if round < 0 {
			length /= 4 // warms up and does not count
		}
		var one, other tally
		parts := []func() error{
			func() (err error) { one, err = c.rawSlice(ctx, length); return err },
			func() (err error) { other, err = c.resetSlice(ctx, length); return err },
		}
		first := round & 1
		if err := parts[first](); err != nil {
			return row, err
		}
		if err := parts[1-first](); err != nil {
			return row, err
		}
		if round < 0 {
			continue
		}
		raws.add(one)
		resets.add(other)
		row.Ratios = append(row.Ratios, each(rate(other.done, other.took), 1)/rate(one.done, one.took))
	}
	for _, step := range steps {
		row.Steps[step] = spreadOf(resets.steps[step])
	}
	row.Raw, row.Reset = raws.side(), resets.side()
	row.Ratio = row.Reset.PerSecond / row.Raw.PerSecond
	row.Redis = resets.traffic.each(resets.done)
	return row, c.conclude(ctx, &row)
}

// conclude looks at what the row left behind.
func (c *contest) conclude(ctx context.Context, row *Row) (err error) {
	if row.Verified, err = verify(ctx, c.directory, c.people); err != nil {
		return err
	}
	_, row.PeakMiB, err = memory(c.server.pid())
	return err
}

// each is the work for one reset.
func (t traffic) each(done int) Redis {
	r := Redis{
		RoundTrips: each(float64(t.reads), done), Commands: each(float64(t.count()), done),
		Bytes: each(float64(t.bytes), done), ByName: make(map[string]float64),
	}
	for name, n := range t.commands {
		if of := each(float64(n), done); of >= 0.1 {
			r.ByName[name] = of
		}
	}
	return r
}
