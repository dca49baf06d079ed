package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"latchkey/config"
)

type configCommands struct {
	Init  configInit  `cmd:"" help:"Write an example with every key, its default and its meaning."`
	Check configCheck `cmd:"" help:"Report everything that is wrong with the configuration and the environment."`
}

type configInit struct {
	File string `arg:"" optional:"" completion:"file" help:"Where to write it; a file that is there is not replaced. Without it, it is printed."`
}

func (configInit) lesson() lesson {
	return lesson{
		examples: []string{"latchkey config init /etc/latchkey/latchkey.toml", "latchkey config init | less # only look"},
		see:      []string{"latchkey config check"},
	}
}

func (c configInit) Run(app *application) error {
	if c.File == "" {
		_, err := app.out.Write(config.Example())
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is not replaced; name another file", c.File)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w%s", err, folderAdvice(c.File))
	}
	_, err = f.Write(config.Example())
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	fmt.Fprintf(app.out, "Wrote %s. Fill in what is not commented out, then run: latchkey config check %s\n", c.File, c.File)
	return nil
}

// folderAdvice says that the folder of a file is missing, where it is.
func folderAdvice(path string) string {
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return "; make the folder first: " + folder
	}
	return ""
}

type configCheck struct {
	File string `arg:"" optional:"" completion:"file" help:"The file to check; without it, that of --config."`
	JSON bool   `name:"json" help:"Print JSON: the faults and warnings, each with its place."`
}

// Help is shown by --help.
func (configCheck) Help() string {
	return "It reads the file, the LATCHKEY_… variables of the environment, and the files with secrets that they name. It asks neither Redis nor a directory."
}

func (configCheck) lesson() lesson {
	return lesson{
		examples: []string{"latchkey config check /etc/latchkey/latchkey.toml", "latchkey config check --json"},
		no:       "when the configuration has faults",
		see:      []string{"latchkey config init"},
	}
}

func (c configCheck) Run(app *application) error {
	if c.File != "" {
		app.configFile = c.File
	}
	loaded, err := app.load()
	faults, atFault := errors.AsType[*config.Errors](err)
	if err != nil && !atFault {
		return err
	}
	if c.JSON {
		return c.printJSON(app, loaded, faults)
	}
	if atFault {
		return no(err)
	}
	fmt.Fprintf(app.out, "%s is good.\n", app.configFile)
	for _, d := range loaded.Directories {
		fmt.Fprintf(app.out, "  directory  %s: %s\n", d.Name, strings.Join(d.Servers, ", "))
	}
	fmt.Fprintf(app.out, "  redis      %s: %s\n", loaded.Redis.Mode, strings.Join(loaded.Redis.Addresses, ", "))
	fmt.Fprintf(app.out, "  keyring    %s\n", loaded.Keys.File)
	fmt.Fprintf(app.out, "  password   at least %d characters\n", loaded.Password.MinLength)
	for _, warning := range loaded.Warnings() {
		fmt.Fprintf(app.out, "  warning    %s\n", warning)
	}
	return nil
}

// faultShown is a fault in the JSON of `config check`.
type faultShown struct {
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Variable   string `json:"variable,omitempty"`
	Key        string `json:"key,omitempty"`
	Problem    string `json:"problem"`
	Allowed    string `json:"allowed,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
}

// printJSON prints what was found; loaded is nil where there are faults.
func (configCheck) printJSON(app *application, loaded *config.Config, found *config.Errors) error {
	document := struct {
		Good     bool         `json:"good"`
		File     string       `json:"file"`
		Faults   []faultShown `json:"faults"`
		Warnings []string     `json:"warnings"`
	}{found == nil, app.configFile, []faultShown{}, []string{}}
	if found == nil {
		document.Warnings = append(document.Warnings, loaded.Warnings()...)
		return printJSON(app.out, document)
	}
	for _, f := range found.Faults {
		shown := faultShown{f.File, f.Line, f.Variable, f.Key, f.Problem, f.Allowed, f.Suggestion}
		if f.Variable != "" {
			shown.File = ""
		}
		document.Faults = append(document.Faults, shown)
	}
	return errors.Join(no(nil), printJSON(app.out, document))
}

// load reads the configuration that the command line names.
func (a *application) load() (*config.Config, error) {
	return config.Load(a.configFile, a.environ)
}
