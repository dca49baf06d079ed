package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"latchkey/cmd/internal/serving"
	"latchkey/cmd/latchkey-demo/inbox"
	"latchkey/config"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/telemetry"
)

// run shows everything until the context ends.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o, err = o.settle(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "latchkey-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	around, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &demo{options: o, dir: dir, out: out, inbox: new(inbox.Inbox)}
	// What is around Latchkey ends after Latchkey.
	defer d.running.Wait()
	defer cancel()
	if err := d.open(around); err != nil {
		return err
	}
	if err := d.serve(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nThe demonstration is over. Nothing is left of it.")
	return nil
}

// demo is what is around Latchkey.
type demo struct {
	options options
	dir     string
	out     io.Writer
	inbox   *inbox.Inbox
	running sync.WaitGroup
}

// open starts everything that an organisation has already, and writes the
// configuration that leads to it.
func (d *demo) open(ctx context.Context) error {
	redis, err := startRedis()
	if err != nil {
		return fmt.Errorf("start the embedded Redis: %w", err)
	}
	context.AfterFunc(ctx, redis.Close)
	directory, err := d.openDirectory(ctx)
	if err != nil {
		return fmt.Errorf("start the embedded directory: %w", err)
	}
	mail, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { mail.Close() })
	d.running.Go(func() { _ = d.inbox.ServeMail(mail) })
	gateway, err := d.openPage(ctx, "127.0.0.1:0", http.HandlerFunc(d.inbox.TakeSMS))
	if err != nil {
		return err
	}
	page, err := inbox.NewPage(d.inbox, inbox.Words{Wizard: "http://" + d.options.addr, Password: firstPassword, Rules: rules, Cast: cast()})
	if err != nil {
		return err
	}
	if _, err := d.openPage(ctx, d.options.inbox, page); err != nil {
		return err
	}
	_, mailPort, _ := net.SplitHostPort(mail.Addr().String())
	return d.write(map[string]string{
		"ca.pem": directory.authority,
		"bind":   directory.password,
		"latchkey.toml": configuration(places{
			dir: d.dir, listen: d.options.addr, directory: directory.address, redis: redis.Addr(), mailPort: mailPort, sms: gateway,
		}),
		"people.csv": contacts(),
	})
}

// openPage serves something over HTTP, and returns its address.
func (d *demo) openPage(ctx context.Context, address string, handler http.Handler) (string, error) {
	l, err := listen(ctx, address)
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	d.running.Go(func() { _ = server.Serve(l) })
	return l.Addr().String(), nil
}

func (d *demo) write(files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// serve prepares and runs Latchkey, as the commands would.
func (d *demo) serve(ctx context.Context) (err error) {
	loaded, err := config.Load(filepath.Join(d.dir, "latchkey.toml"), nil)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(d.dir, "latchkey.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	b := &serving.Backends{Config: loaded, Logger: telemetry.NewLogger(log, loaded.Log.Minimum()), Metrics: telemetry.NewMetrics("demonstration")}
	defer func() { err = errors.Join(err, b.Close()) }()
	if b.Keys, err = keyring.Create(loaded.Keys.File); err != nil {
		return err
	}
	if b.Store, err = store.Open(loaded.Redis); err != nil {
		return err
	}
	if err := b.Store.Init(ctx, b.Keys.Fingerprint()); err != nil {
		return err
	}
	if err := b.Open(ctx); err != nil {
		return err
	}
	if err := importContacts(ctx, b); err != nil {
		return err
	}
	s, err := serving.New(ctx, b)
	if err != nil {
		return err
	}
	return s.Run(ctx, func(context.Context) { explain(d.out, d.options, d.dir) })
}

// importContacts does what `latchkey contacts import people.csv` does.
func importContacts(ctx context.Context, b *serving.Backends) error {
	home := b.Directories[0]
	importer := contact.Importer{
		Config: b.Config.Contacts, Store: contact.NewStore(b.Store, b.Keys), Resolver: resolver{home}, Directory: home.Name(),
	}
	result, err := importer.Import(ctx, strings.NewReader(contacts()))
	if err != nil {
		return fmt.Errorf("import the contacts: %w: %v", err, result.Errors)
	}
	return nil
}

// resolver finds the people of the one directory.
type resolver struct{ directory *directory.Directory }

// Persons implements contact.Resolver.
func (r resolver) Persons(ctx context.Context, _ string, logins []string) ([]string, error) {
	return r.directory.Persons(ctx, logins)
}

// Logins implements contact.Resolver; the file has none but logins.
func (resolver) Logins(_ context.Context, _ string, persons []string) ([]string, error) {
	return make([]string, len(persons)), nil
}
