package main

import (
	"context"
	"errors"
)

type serveCommand struct{}

func (serveCommand) Run(_ context.Context, app *application) error {
	if _, err := app.load(); err != nil {
		return err
	}
	return errors.New("serving is not built yet")
}
