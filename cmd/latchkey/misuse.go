package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// misused answers what the parser does not take.
func misused(out io.Writer, err error) int {
	wrong, ok := errors.AsType[*kong.ParseError](err)
	if !ok || wrong.Context == nil {
		return misuse(out, nil, err.Error())
	}
	ctx := wrong.Context
	node := ctx.Selected()
	problem := err.Error()
	if flag, _, ok := strings.Cut(problem, `: expected string value but got "EOL"`); ok {
		problem = flag + ": its value is missing"
	}
	if flag, _, ok := strings.Cut(problem, ": missing value, expecting"); ok {
		problem = flag + ": its value is missing"
	}
	if word, ok := strings.CutPrefix(problem, "unexpected argument "); ok && (node == nil || !node.Leaf()) {
		problem = unknown(ctx, node, word)
	}
	if strings.HasPrefix(problem, "expected ") || strings.HasPrefix(problem, "missing positional") {
		problem = missing(ctx, node)
	}
	return misuse(out, node, problem)
}

// misuse says what is wrong, shows how it is right, and where to read on.
func misuse(out io.Writer, node *kong.Node, problem string) int {
	path := "latchkey"
	if node != nil {
		path += " " + node.Path()
		if !strings.HasPrefix(problem, node.Path()+": ") {
			problem = node.Path() + ": " + problem
		}
	}
	fmt.Fprintf(out, "latchkey: %s\n", problem)
	if examples := lessonOf(node).examples; len(examples) > 0 {
		line, _, _ := strings.Cut(examples[0], " # ")
		fmt.Fprintf(out, "  for example: %s\n", line)
	}
	fmt.Fprintf(out, "  `%s --help` tells more\n", path)
	return exitMisused
}

// missing names the argument, or the further commands, without which a
// command does nothing.
func missing(ctx *kong.Context, node *kong.Node) string {
	given := make(map[*kong.Value]bool)
	for _, part := range ctx.Path {
		given[part.Positional] = true
	}
	if node == nil {
		node = ctx.Model.Node
	}
	for _, argument := range node.Positional {
		if argument.Required && !given[argument] {
			return fmt.Sprintf("%s is missing. %s", argument.Summary(), argument.Help)
		}
	}
	return "say what to do: " + strings.Join(namesOf(node), ", ")
}

// unknown tells of a word that is no command; the parser has put the command
// behind it that was probably meant.
func unknown(ctx *kong.Context, node *kong.Node, word string) string {
	if node == nil {
		node = ctx.Model.Node
	}
	word, meant, guessed := strings.Cut(word, ", ")
	if !guessed {
		meant = "there is: " + strings.Join(namesOf(node), ", ")
	}
	return fmt.Sprintf("there is no command %q; %s", word, meant)
}

// namesOf lists the commands of a group.
func namesOf(node *kong.Node) []string {
	var names []string
	for _, child := range node.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	return names
}
