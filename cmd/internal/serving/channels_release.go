//go:build !bench

package serving

import (
	"context"

	"latchkey/resetapi/delivery"
)

// replaced is where a build for measuring puts its own channels; every other
// build sends by those that are configured.
func replaced(_ context.Context, channels map[string]delivery.Channel) (map[string]delivery.Channel, error) {
	return channels, nil
}
