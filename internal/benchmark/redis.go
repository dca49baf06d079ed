package benchmark

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"latchkey/internal/testenv"
)

// traffic is what Redis counts since its start.
type traffic struct {
	// reads are reads from sockets: about one for each round trip.
	reads int64
	// bytes went in and out.
	bytes int64
	// commands by their names, those that scripts run included.
	commands map[string]int64
}

// trafficOf asks Redis. The question itself costs about three reads.
func trafficOf(ctx context.Context, r *testenv.Redis) (traffic, error) {
	text, err := r.Admin(ctx, "INFO", "all")
	if err != nil {
		return traffic{}, err
	}
	return parseInfo(text)
}

// parseInfo reads the sections stats and commandstats of INFO.
func parseInfo(text string) (traffic, error) {
	t := traffic{commands: make(map[string]int64)}
	seen := 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if command, ok := strings.CutPrefix(name, "cmdstat_"); ok {
			calls, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
			n, err := strconv.ParseInt(calls, 10, 64)
			if err != nil {
				return traffic{}, fmt.Errorf("INFO of Redis: %q: %w", line, err)
			}
			t.commands[command] = n
			continue
		}
		var into *int64
		switch name {
		case "total_reads_processed":
			into = &t.reads
		case "total_net_input_bytes", "total_net_output_bytes":
			into = &t.bytes
		default:
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return traffic{}, fmt.Errorf("INFO of Redis: %q: %w", line, err)
		}
		*into += n
		seen++
	}
	if seen != 3 {
		return traffic{}, fmt.Errorf("INFO of Redis has %d of the 3 totals", seen)
	}
	return t, nil
}

// since is what came after an earlier count, without the questions themselves.
func (t traffic) since(earlier traffic) traffic {
	d := traffic{reads: t.reads - earlier.reads, bytes: t.bytes - earlier.bytes, commands: make(map[string]int64)}
	for name, n := range t.commands {
		if n -= earlier.commands[name]; n > 0 && name != "info" && name != "auth" {
			d.commands[name] = n
		}
	}
	return d
}

// add sums up.
func (t *traffic) add(more traffic) {
	t.reads += more.reads
	t.bytes += more.bytes
	if t.commands == nil {
		t.commands = make(map[string]int64)
	}
	for name, n := range more.commands {
		t.commands[name] += n
	}
}

// count is how many commands there were.
func (t traffic) count() int64 {
	var sum int64
	for _, n := range t.commands {
		sum += n
	}
	return sum
}
