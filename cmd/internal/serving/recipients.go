package serving

import (
	"context"

	"latchkey/resetapi/delivery"
)

// recipients asks whoever made a job who gets it.
type recipients map[string]delivery.Recipients

// Recipients implements delivery.Recipients; the recoveries answer for every
// kind that nobody else does.
func (r recipients) Recipients(ctx context.Context, job delivery.Job) ([]delivery.Message, error) {
	if other, ok := r[job.Kind]; ok {
		return other.Recipients(ctx, job)
	}
	return r[""].Recipients(ctx, job)
}
