package benchmark

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/testenv"
)

// pipelined writes so many values of one size through go-redis and nothing else,
// a thousand in each round trip on one connection.
func pipelined(ctx context.Context, r *testenv.Redis, values, size int) error {
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Username: r.Username, Password: r.Password, PoolSize: 1})
	defer client.Close()
	const batch = 1000
	value := make([]byte, size)
	_, _ = rand.Read(value) // never fails
	for first := 0; first < values; first += batch {
		pipe := client.Pipeline()
		for i := first; i < min(first+batch, values); i++ {
			pipe.Set(ctx, "latchkey:bench:"+strconv.Itoa(i), value, 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("write values: %w", err)
		}
	}
	return nil
}
