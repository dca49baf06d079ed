package ldapsync_test

import (
	"errors"
	"testing"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// Only whole passes are remembered, each under its directory.
func TestHistory(t *testing.T) {
	server := testenv.NewRedis(t, testenv.RedisOptions{})
	opened := storetest.Open(t, server)
	h, ctx := ldapsync.NewHistory(opened, keyring.Generate()), t.Context()
	for _, r := range []ldapsync.Report{{Directory: "staff", People: 3}, {Directory: "staff", People: 4, Complete: true, DryRun: true}} {
		if err := h.Note(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Last(ctx, "staff"); !errors.Is(err, ldapsync.ErrNoPast) {
		t.Errorf("before: %v", err)
	}
	if err := h.Note(ctx, ldapsync.Report{Directory: "staff", People: 5, Complete: true}); err != nil {
		t.Fatal(err)
	}
	if past, err := h.Last(ctx, "staff"); err != nil || past.People != 5 || past.At.IsZero() {
		t.Errorf("%+v, %v", past, err)
	}
	if _, err := h.Last(ctx, "other"); !errors.Is(err, ldapsync.ErrNoPast) {
		t.Errorf("another directory: %v", err)
	}
	server.Kill()
	if _, err := h.Last(ctx, "staff"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without Redis: %v", err)
	}
}
