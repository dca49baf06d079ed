package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// profile takes a CPU profile of the server while a row runs, and then one of all
// that it allocated, if they are wanted; the returned function waits for them.
func (o Options) profile(ctx context.Context, s *site, path string) (wait func() error) {
	if o.Profiles == "" {
		return func() error { return nil }
	}
	seconds := int(o.Slice.Seconds()*float64(2*o.Rounds)) + 1
	base := "http://" + s.profiler + "/debug/pprof/"
	done := make(chan error, 1)
	go func() {
		err := download(ctx, fmt.Sprintf("%sprofile?seconds=%d", base, seconds), path+".cpu.pprof")
		done <- errors.Join(err, download(ctx, base+"allocs", path+".allocs.pprof"))
	}()
	return func() error { return <-done }
}

func download(ctx context.Context, url, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	defer answer.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, answer.Body); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
