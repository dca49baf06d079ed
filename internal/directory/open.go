package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Directory is one configured directory. It is safe for concurrent use.
type Directory struct {
	config  Config
	logger  *slog.Logger
	trust   *trust
	secrets *credentials
	servers *roster
	pool    *pool
	tasks   *background

	mu sync.Mutex
	// flavor is nil until the first server was asked.
	flavor flavor
}

// Open checks the section and makes the directory ready. It connects with the
// first call only; [Directory.Check] tells whether that works.
func Open(c Config, logger *slog.Logger) (*Directory, error) {
	return OpenWith(c, net.DefaultResolver, logger)
}

// OpenWith is Open with a resolver for servers that DNS names.
func OpenWith(c Config, resolver Resolver, logger *slog.Logger) (*Directory, error) {
	if strings.TrimSpace(c.BindPassword.Reveal()) == "" {
		return nil, fmt.Errorf("directory %q: bind_password_file: the password of the service account is empty", c.Name)
	}
	if faults := c.Faults(); len(faults) > 0 {
		errs := make([]error, 0, len(faults))
		for _, fault := range faults {
			errs = append(errs, fmt.Errorf("%s: %s (allowed: %s)", fault.Key, fault.Problem, fault.Allowed))
		}
		return nil, fmt.Errorf("directory %q: %w", c.Name, errors.Join(errs...))
	}
	if err := checkFilters(c); err != nil {
		return nil, fmt.Errorf("directory %q: %w", c.Name, err)
	}
	d := &Directory{config: c, logger: logger.With("directory", c.Name), tasks: newBackground()}
	if c.Flavor != "" {
		if _, err := flavorNamed(c.Flavor); err != nil {
			return nil, fmt.Errorf("directory %q: %w", c.Name, err)
		}
	}
	if d.config.GroupBaseDN == "" {
		d.config.GroupBaseDN = c.BaseDN
	}
	var err error
	if d.trust, err = newTrust(c.CAFile, d.logger); err != nil {
		return nil, fmt.Errorf("directory %q: %w", c.Name, err)
	}
	d.secrets = newCredentials(c, d.logger)
	if d.servers, err = newRoster(c, resolver, d.tasks, d.logger); err != nil {
		return nil, fmt.Errorf("directory %q: servers: %w", c.Name, err)
	}
	d.pool = newPool(c.Connections, c.OperationTimeout.Std(), d.connect)
	return d, nil
}

// checkFilters refuses what Config.Faults cannot see: a user_filter has to hold
// for everyone too, with * for the login, and names must be attribute names.
func checkFilters(c Config) error {
	if c.LoginAttribute != "" && !isAttributeName(c.LoginAttribute) {
		return errors.New("login_attribute: not the name of an attribute")
	}
	if strings.TrimSpace(c.BaseDN) == "" || strings.TrimSpace(c.BindDN) == "" {
		return errors.New("base_dn, bind_dn: must not be blank")
	}
	if _, err := ldap.CompileFilter(anyLogin(c.UserFilter)); c.UserFilter != "" && err != nil {
		return errors.New("user_filter: must be a filter with * in the place of {login} too")
	}
	return nil
}

// Close ends all connections. Calls afterwards fail.
func (d *Directory) Close() {
	d.tasks.close()
	d.pool.close()
}

// Name is the name of the section.
func (d *Directory) Name() string { return d.config.Name }

// connect opens a connection that is bound as the service account.
func (d *Directory) connect(ctx context.Context, s *server) (*conn, error) {
	return d.connectBy(ctx, s, dial)
}

func (d *Directory) connectBy(ctx context.Context, s *server, by dialer) (*conn, error) {
	c, err := d.reachBy(ctx, s, by)
	if err != nil {
		return nil, err
	}
	s.back()
	return c, nil
}

// reach is connect without the verdict that the server is back.
func (d *Directory) reach(ctx context.Context, s *server) (*conn, error) {
	return d.reachBy(ctx, s, dial)
}

func (d *Directory) reachBy(ctx context.Context, s *server, by dialer) (*conn, error) {
	if d.secrets.refresh() {
		for _, s := range d.servers.known() {
			s.forgive()
		}
	}
	if err := s.standing(time.Now()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.ConnectTimeout.Std())
	defer cancel()
	c, err := by(ctx, s, d.trust.config())
	if err != nil {
		s.away(time.Now())
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, explain(s, err))
	}
	d.watchExpiry(s, c.validUntil)
	if err := d.introduce(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// introduce binds, and learns who we are and what kind of server this is.
func (d *Directory) introduce(ctx context.Context, c *conn) error {
	if err := d.bindService(ctx, c); err != nil {
		return err
	}
	var err error
	if c.identity, err = c.whoami(ctx); err != nil {
		return unavailable("ask who we are", err)
	}
	return d.learnFlavor(ctx, c)
}

// errNoPassword stands where each password was refused a moment ago.
var errNoPassword = errors.New("no password of the service account is left to try")

// bindService tries the passwords in turn. Only a plain "invalid credentials"
// leads on to the next.
func (d *Directory) bindService(ctx context.Context, c *conn) error {
	policy, err := noPolicyError, errNoPassword
	for {
		secret, left := d.secrets.next(c.server, time.Now())
		if !left {
			break
		}
		policy, err = c.bind(ctx, d.config.BindDN, secret.Reveal())
		if err == nil && policy != policyChangeAfterReset {
			d.secrets.accept(c.server, secret)
			return nil
		}
		a, _ := answerOf(err)
		if a.code != ldap.LDAPResultInvalidCredentials || policy != noPolicyError {
			break
		}
		d.secrets.refuse(c.server, secret, time.Now())
		d.logger.Warn("the directory refuses a password of the service account; the other one is tried where there is one", "server", c.server.url)
	}
	return d.bindFailed(c.server, policy, err)
}

// bindFailed keeps a wrong password from being tried so often that the
// directory locks the service account.
func (d *Directory) bindFailed(s *server, policy int, cause error) error {
	err := fmt.Errorf("%w: %w", ErrUnavailable, explainBind(s, policy, cause))
	a, ok := answerOf(cause)
	if cause != nil && !ok || a.code == ldap.LDAPResultBusy || a.code == ldap.LDAPResultUnavailable {
		s.away(time.Now())
		return err
	}
	s.refused(time.Now(), err)
	d.logger.Error("the directory refuses the service account; it is asked again in half a minute", "server", s.url, "error", err)
	return err
}

// learnFlavor asks each server about itself until it was away, and learns once in
// the life of the directory which kind it is.
func (d *Directory) learnFlavor(ctx context.Context, c *conn) error {
	var err error
	if c.root = c.server.said(); c.root == nil {
		if c.root, err = rootDSE(ctx, c); err != nil {
			return err
		}
		c.server.says(c.root)
	}
	if d.known() != nil {
		return nil
	}
	var found flavor
	if d.config.Flavor != "" {
		found, err = flavorNamed(d.config.Flavor)
	} else {
		found, err = flavorOf(c.root)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, c.server.url, err)
	}
	if f, ok := found.(configurable); ok {
		found = f.configure(d.config)
	}
	if l, ok := found.(learner); ok {
		if found, err = l.learn(ctx, c); err != nil {
			return unavailable("ask the directory about itself", err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flavor == nil {
		d.flavor = found
	}
	return nil
}

// userFilter finds people, by the configuration or else by the flavor.
func (d *Directory) userFilter(f flavor) string {
	return cmp.Or(d.config.UserFilter, f.defaults().userFilter)
}

// loginAttribute holds the login.
func (d *Directory) loginAttribute(f flavor) string {
	return cmp.Or(d.config.LoginAttribute, f.defaults().loginAttribute)
}

// defaultPolicyDN is the policy of people whose entry names none.
func (d *Directory) defaultPolicyDN(f flavor) string {
	return cmp.Or(d.config.DefaultPolicyDN, f.defaults().defaultPolicyDN)
}

func (d *Directory) known() flavor {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flavor
}
