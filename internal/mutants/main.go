package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	pattern := flags.String("run", "", "try only the mutants whose test matches this regular expression")
	baseline := flags.Bool("baseline", false, "first run each test on the sound source, where it must pass")
	root := flags.String("root", ".", "the top of the repository")
	if err := flags.Parse(args); err != nil {
		return err
	}
	expression, err := regexp.Compile(*pattern)
	if err != nil {
		return err
	}
	all, err := load()
	if err != nil {
		return err
	}
	b := bench{root: *root}
	bad, sound := 0, map[string]bool{}
	some := chosen(all, expression)
	for _, m := range some {
		if *baseline && !sound[m.Package+m.Test] {
			passed, output := b.test(ctx, m)
			if !passed {
				return fmt.Errorf("%s fails on the sound source:\n%s", m.Test, output)
			}
			sound[m.Package+m.Test] = true
		}
		v, output, err := b.try(ctx, m)
		if err != nil {
			return err
		}
		fmt.Println(row(m, v))
		if v != killed {
			bad++
		}
		if v == invalid {
			fmt.Println(output)
		}
	}
	fmt.Printf("%d mutants, %d not killed\n", len(some), bad)
	if bad > 0 {
		return fmt.Errorf("%d of %d mutants were not killed", bad, len(some))
	}
	return nil
}
