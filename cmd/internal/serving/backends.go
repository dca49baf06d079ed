package serving

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/telemetry"
	"latchkey/resetapi/password"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/recovery"
)

// Backends is what serving stands on. The caller brings the first five.
type Backends struct {
	Config  *config.Config
	Logger  *slog.Logger
	Metrics *telemetry.Metrics
	Store   *store.Store
	Keys    *keyring.Ring

	Audit       *audit.Log
	Directories []*directory.Directory
	// writers write contacts back, by the name of the directory.
	writers   map[string]*directory.WriteBack
	Passwords *password.Rules
}

// Open opens and checks everything else that serving needs.
func (b *Backends) Open(ctx context.Context) (err error) {
	b.Store.OnFailure(func() { b.Metrics.BackendError("redis") })
	if err := b.Store.Check(ctx, b.Keys.Fingerprint()); err != nil {
		return err
	}
	b.Passwords = password.New(b.Config.Password, contextNames(b.Config)...)
	if _, err := b.Passwords.Load(); err != nil {
		return err
	}
	tail := audit.NewTail(b.Store, b.Keys, b.Config.Audit)
	if b.Audit, err = audit.Open(b.Config.Audit, b.Keys, tail, b.Logger); err != nil {
		return err
	}
	if b.Directories, err = openDirectories(ctx, b.Config.Directories, b.Logger); err != nil {
		return err
	}
	return b.openWriters()
}

// Close closes what is open, the audit after everything that writes to it.
func (b *Backends) Close() error {
	closeDirectories(b.Directories)
	for _, w := range b.writers {
		w.Close()
	}
	var failures []error
	if b.Audit != nil {
		failures = append(failures, b.Audit.Close())
	}
	if b.Store != nil {
		failures = append(failures, b.Store.Close())
	}
	return errors.Join(failures...)
}

// named are the directories that are open, in the order of their sections.
func named(directories []*directory.Directory, sections []directory.Config) []recovery.Directory {
	out := make([]recovery.Directory, len(directories))
	for i, d := range directories {
		out[i] = recovery.Directory{Name: d.Name(), Unlocks: sections[i].Unlock, People: d, Passwords: d, Locks: d}
	}
	return out
}

// openDirectories opens and checks them all.
func openDirectories(ctx context.Context, sections []directory.Config, logger *slog.Logger) (_ []*directory.Directory, err error) {
	var opened []*directory.Directory
	defer func() {
		if err != nil {
			closeDirectories(opened)
		}
	}()
	for _, section := range sections {
		d, err := directory.Open(section, logger)
		if err != nil {
			return nil, err
		}
		opened = append(opened, d)
		if err := d.Check(ctx); err != nil {
			return nil, err // names the directory
		}
	}
	return opened, nil
}

func closeDirectories(directories []*directory.Directory) {
	for _, d := range directories {
		d.Close()
	}
}

// contextNames are the names of the organisation and of what people reset their
// password with: a password must not consist of them.
func contextNames(c *config.Config) []string {
	names := []string{"Latchkey", c.Support.ServiceName, c.Mail.ServiceName}
	if site, err := url.Parse(c.Server.PublicURL); err == nil {
		if domain, err := publicsuffix.EffectiveTLDPlusOne(site.Hostname()); err == nil {
			name, _, _ := strings.Cut(domain, ".")
			names = append(names, name)
		}
	}
	return names
}

// NewPolicy is the policy of a configuration.
func NewPolicy(c *config.Config) *policy.Policy {
	administrators := c.Administrators
	administrators.SMSOff = !c.SMS.On()
	return policy.New(c.Policies, withServiceAccounts(c), administrators)
}

// withServiceAccounts protects Latchkey's own accounts, whatever is configured.
func withServiceAccounts(c *config.Config) policy.Protected {
	protected := c.Protected
	for _, d := range c.Directories {
		protected.Entries = append(protected.Entries, d.BindDN)
	}
	for _, s := range c.Syncs {
		if s.WriteBack.On() {
			protected.Entries = append(protected.Entries, s.WriteBack.BindDN)
		}
	}
	return protected
}
