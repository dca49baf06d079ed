//go:build bench

package serving

import (
	"context"
	"os"

	"latchkey/resetapi/delivery"
	"latchkey/resetapi/delivery/bench"
)

// replaced puts the channel to the load generator, at the socket that
// BENCH_SOCKET names, in the place of all others. BENCH_PROFILER is the address
// of the profiler.
func replaced(ctx context.Context, channels map[string]delivery.Channel) (map[string]delivery.Channel, error) {
	if address := os.Getenv("BENCH_PROFILER"); address != "" {
		if err := bench.Profile(ctx, address); err != nil {
			return nil, err
		}
	}
	path := os.Getenv("BENCH_SOCKET")
	if path == "" {
		return channels, nil
	}
	generator, err := bench.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	for method := range channels {
		channels[method] = generator
	}
	return channels, nil
}
