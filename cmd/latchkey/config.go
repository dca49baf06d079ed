package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"latchkey/config"
)

type configCommands struct {
	Init  configInit  `cmd:"" help:"Write an example with every key, its default and its meaning."`
	Check configCheck `cmd:"" help:"Report everything that is wrong with the configuration and the environment."`
}

type configInit struct {
	File string `arg:"" optional:"" help:"Where to write it; a file that is there is not replaced. Without it, it is printed."`
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
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.Write(config.Example())
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	fmt.Fprintf(app.out, "Wrote %s. Fill in what is not commented out, then run: latchkey config check %s\n", c.File, c.File)
	return nil
}

type configCheck struct {
	File string `arg:"" optional:"" help:"The file to check; without it, that of --config."`
}

func (c configCheck) Run(app *application) error {
	if c.File != "" {
		app.configFile = c.File
	}
	loaded, err := app.load()
	if err != nil {
		return err
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

// load reads the configuration that the command line names.
func (a *application) load() (*config.Config, error) {
	return config.Load(a.configFile, a.environ)
}
