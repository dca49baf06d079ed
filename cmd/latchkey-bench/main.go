// Command latchkey-bench is `make bench`: it measures complete resets beside
// bare Password Modify operations and prints the tables of docs/performance.md.
//
// The environment changes what it does: BENCH_SECONDS is the length of one
// slice, BENCH_JSON names a file for the figures, and BENCH_PROFILES a directory
// for CPU profiles of the server. Flags leave out rows, for looking into one.
//
// With -sync it is `make bench-sync`: it measures synchronizations, with as many
// people as BENCH_SYNC_PEOPLE says.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"latchkey/internal/benchmark"
)

func main() {
	options := benchmark.Defaults()
	flag.StringVar(&options.Program, "program", "bin/latchkey-measured", "latchkey, built with the tag bench")
	flag.IntVar(&options.Rounds, "rounds", options.Rounds, "slices of each side in a row")
	flag.IntVar(&options.TwoGates, "two-gates", options.TwoGates, "resets in parallel with two gates; 0 for none")
	schemes := flag.String("schemes", strings.Join(options.Schemes, ","), "how slapd stores passwords, or \"389 DS\", \"Samba AD\"")
	parallel := flag.String("parallel", "1,8,32", "resets in parallel, all divisors of 64")
	sync := flag.Bool("sync", false, "measure synchronizations instead of resets")
	flag.Parse()
	options.Schemes = strings.Split(*schemes, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	measure := func() error { return run(ctx, options, *parallel) }
	if *sync {
		measure = func() error { return runSync(ctx, options.Program) }
	}
	if err := measure(); err != nil {
		fmt.Fprintf(os.Stderr, "latchkey-bench: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, options benchmark.Options, parallel string) (err error) {
	options.Parallel = nil
	for text := range strings.SplitSeq(parallel, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || 64%n != 0 {
			return fmt.Errorf("-parallel %q: %q is not a divisor of 64", parallel, text)
		}
		options.Parallel = append(options.Parallel, n)
	}
	options.Progress, options.Profiles = os.Stderr, os.Getenv("BENCH_PROFILES")
	if options.Program, err = filepath.Abs(options.Program); err != nil {
		return err
	}
	if text := os.Getenv("BENCH_SECONDS"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds < 0.1 || seconds > 600 {
			return fmt.Errorf("BENCH_SECONDS is %q; it is the length of one slice, between 0.1 and 600", text)
		}
		options.Slice = time.Duration(seconds * float64(time.Second))
	}
	report, err := benchmark.Run(ctx, options)
	if err != nil {
		return err
	}
	return tell(report)
}

// tell prints a report, and writes its figures where that is wanted.
func tell(report interface{ WriteMarkdown(io.Writer) error }) error {
	if path := os.Getenv("BENCH_JSON"); path != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return report.WriteMarkdown(os.Stdout)
}

func runSync(ctx context.Context, program string) (err error) {
	options := benchmark.SyncDefaults()
	options.Progress = os.Stderr
	if options.Program, err = filepath.Abs(program); err != nil {
		return err
	}
	if text := os.Getenv("BENCH_SYNC_PEOPLE"); text != "" {
		const least, most = 1000, 5_000_000
		if options.People, err = strconv.Atoi(text); err != nil || options.People < least || options.People > most {
			return fmt.Errorf("BENCH_SYNC_PEOPLE is %q; it is how many people there are, between %d and %d", text, least, most)
		}
	}
	report, err := benchmark.RunSync(ctx, options)
	if err != nil {
		return err
	}
	return tell(report)
}
