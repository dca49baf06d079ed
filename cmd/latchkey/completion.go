package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

//go:embed completion/bash.tmpl
var bashCompletion string

//go:embed completion/zsh.tmpl
var zshCompletion string

//go:embed completion/fish.tmpl
var fishCompletion string

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help is shown by --help.
func (completionCommand) Help() string {
	return "The script knows the commands, flags and arguments of this version; print it anew after an update. It asks neither Redis nor the directory."
}

func (completionCommand) lesson() lesson {
	return lesson{examples: []string{
		"latchkey completion bash > /etc/bash_completion.d/latchkey",
		"latchkey completion zsh > /usr/local/share/zsh/site-functions/_latchkey",
		"latchkey completion fish > /etc/fish/completions/latchkey.fish",
		"source <(latchkey completion bash) # for this shell only",
	}}
}

func (c completionCommand) Run(app *application, parser *kong.Kong) error {
	text := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	script, err := template.New(c.Shell).Funcs(template.FuncMap{"quote": quote, "join": strings.Join}).Parse(text)
	if err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	return script.Execute(app.out, completed(parser.Model.Node))
}

// completedNode is what can stand behind a command.
type completedNode struct {
	// Path is the command with those before it, without latchkey.
	Path     string
	Commands []completedWord
	Flags    []completedFlag
	// Argument is what the first argument is.
	Argument completedValue
}

type completedWord struct{ Name, Help string }

type completedFlag struct {
	Name, Help string
	// Valued means that a value follows.
	Valued bool
	Value  completedValue
}

// completedValue is what can stand for a value: words, or the names of files
// or of directories.
type completedValue struct {
	Words             []string
	Files, Dirs, Deep bool
}

// completedCommands are all commands.
type completedCommands []completedNode

// Names are the commands of the first level.
func (c completedCommands) Names() []string {
	var names []string
	for _, one := range c[0].Commands {
		names = append(names, one.Name)
	}
	return names
}

// completed lists all commands below one, itself first.
func completed(node *kong.Node) completedCommands {
	one := completedNode{}
	if node.Type == kong.CommandNode {
		one.Path = node.Path()
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			valued := !flag.IsBool()
			one.Flags = append(one.Flags, completedFlag{flag.Name, firstSentence(flag.Help), valued, valueOf(flag.Value)})
		}
	}
	// The flags of the command that is meant when none is named.
	if d := node.DefaultCmd; d != nil {
		for _, flag := range d.Flags {
			one.Flags = append(one.Flags, completedFlag{flag.Name, firstSentence(flag.Help), !flag.IsBool(), valueOf(flag.Value)})
		}
	}
	if len(node.Positional) > 0 {
		one.Argument = valueOf(node.Positional[0])
	}
	all := completedCommands{one}
	for _, child := range node.Children {
		if child.Hidden {
			continue
		}
		all[0].Commands = append(all[0].Commands, completedWord{child.Name, firstSentence(child.Help)})
		all = append(all, completed(child)...)
	}
	slices.SortFunc(all[0].Commands, func(a, b completedWord) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// valueOf reads what the tags say of a value: its enum, or completion with file,
// dir or command.
func valueOf(value *kong.Value) completedValue {
	kind := value.Tag.Get("completion")
	v := completedValue{Files: kind == "file", Dirs: kind == "dir", Deep: kind == "command"}
	if value.Enum != "" {
		v.Words = value.EnumSlice()
	}
	return v
}

func firstSentence(help string) string {
	sentence, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(sentence, ".")
}

// quote makes a text one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
