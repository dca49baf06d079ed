package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// lesson is what the help of a command shows besides its purpose, arguments
// and flags.
type lesson struct {
	// examples are whole lines to type; what stands behind " # " explains them.
	examples []string
	// no says when the command exits with exitNo; empty where it never does.
	no string
	// see names other commands, and pages of the guide.
	see []string
}

// teacher is a command that has a lesson.
type teacher interface{ lesson() lesson }

// lessonOf returns the lesson of a command, empty where it has none.
func lessonOf(node *kong.Node) lesson {
	if node == nil || !node.Target.IsValid() || !node.Target.CanAddr() {
		return lesson{}
	}
	if t, ok := node.Target.Addr().Interface().(teacher); ok {
		return t.lesson()
	}
	return lesson{}
}

func helpOptions() kong.HelpOptions {
	return kong.HelpOptions{Compact: true, WrapUpperBound: 100, ValueFormatter: kong.DefaultHelpValueFormatter}
}

// printHelp is the help of all commands: what kong knows of them, then their
// lessons.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	_, err := io.WriteString(ctx.Stdout, furtherHelp(ctx.Selected()))
	return err
}

// furtherHelp is the end of a help: examples, exit codes, and where to read on.
func furtherHelp(node *kong.Node) string {
	var b strings.Builder
	if node == nil {
		b.WriteString("\nExit codes:\n")
		for _, row := range exitCodes {
			fmt.Fprintf(&b, "  %3d    %s\n", row.code, row.meaning)
		}
		b.WriteString("\nSee also: docs/guide.md (from nothing to production), docs/cli.md (exit codes, JSON, completion)\n")
		return b.String()
	}
	taught := lessonOf(node)
	if len(taught.examples) > 0 {
		b.WriteString("\nExamples:\n" + aligned(taught.examples))
	}
	if node.Leaf() {
		b.WriteString("\nExits with 0 when done, 1 when it failed, 2 when called in a wrong way")
		if taught.no != "" {
			b.WriteString(",\n3 " + taught.no)
		}
		b.WriteString(".\n")
	}
	if len(taught.see) > 0 {
		b.WriteString("\nSee also: " + strings.Join(taught.see, ", ") + "\n")
	}
	return b.String()
}

// aligned puts the explanations of examples one below the other.
func aligned(examples []string) string {
	width := 0
	for _, example := range examples {
		line, _, _ := strings.Cut(example, " # ")
		width = max(width, len(line))
	}
	var b strings.Builder
	for _, example := range examples {
		line, meaning, explained := strings.Cut(example, " # ")
		if explained {
			line = fmt.Sprintf("%-*s   # %s", width, line, meaning)
		}
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}

// showHelp answers a call without arguments, which does nothing.
func showHelp(parser *kong.Kong, out io.Writer) int {
	parser.Stdout = out
	trace, err := kong.Trace(parser, nil)
	if err == nil {
		err = printHelp(helpOptions(), trace)
	}
	if err != nil {
		fmt.Fprintf(out, "latchkey: %v\n", err)
	}
	return exitMisused
}

type helpCommand struct {
	Command []string `arg:"" optional:"" completion:"command" help:"The command, such as contacts import; without it, all are listed."`
}

func (helpCommand) lesson() lesson {
	return lesson{examples: []string{"latchkey help contacts import"}}
}

// Run prints what --help would.
func (c helpCommand) Run(parser *kong.Kong) error {
	trace, err := kong.Trace(parser, c.Command)
	if err == nil {
		err = trace.Error
	}
	if err != nil {
		return usageError(err.Error())
	}
	return printHelp(helpOptions(), trace)
}
