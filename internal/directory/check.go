package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Check connects to every server and looks whether all that Latchkey needs is
// there. It fails when no server will do; its error says for each what is wrong
// and how to mend it. A server that will not do beside one that will is logged.
func (d *Directory) Check(ctx context.Context) error {
	servers, err := d.servers.all(ctx)
	if err != nil {
		return fmt.Errorf("directory %q: %w", d.config.Name, err)
	}
	var failures []error
	for _, s := range servers {
		if err := d.checkServer(ctx, s); err != nil {
			failures = append(failures, err)
			d.logger.Warn("a server of the directory cannot be used", "server", s.url, "error", err)
		}
	}
	if len(failures) == len(servers) {
		return fmt.Errorf("directory %q: %w", d.config.Name, errors.Join(failures...))
	}
	return nil
}

func (d *Directory) checkServer(ctx context.Context, s *server) error {
	c, err := d.connect(ctx, s)
	if err != nil {
		return err
	}
	defer c.close()
	ctx, cancel := d.operation(ctx)
	defer cancel()
	if err := d.known().demands(c.root); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, s.url, err)
	}
	if !strategyFits(d.known(), d.strategy()) {
		return fmt.Errorf("%w: %s: write_strategy = %q is not for this kind of directory", ErrUnavailable, s.url, d.strategy())
	}
	for _, base := range []struct{ key, dn string }{
		{"base_dn", d.config.BaseDN},
		{"group_base_dn", d.config.GroupBaseDN},
		{"default_policy_dn", d.config.DefaultPolicyDN},
	} {
		if err := d.checkReadable(ctx, c, base.key, base.dn); err != nil {
			return err
		}
	}
	return d.checkPolicy(ctx, c)
}

// checkPolicy warns where the rules for most people, or the kind of directory,
// do not go with the configuration.
func (d *Directory) checkPolicy(ctx context.Context, c *conn) error {
	f := d.known()
	entry, err := d.policyOfMost(ctx, c, f)
	if err != nil {
		return err
	}
	reader, tells := f.(cautioner)
	if tells {
		for _, caution := range reader.cautions(c.root, entry, d.config) {
			d.logger.Warn(caution, "server", c.server.url)
		}
	}
	if entry == nil {
		return nil
	}
	policy, err := f.policy(entry, "", time.Now())
	if err != nil {
		return err
	}
	if policy == nil {
		return nil
	}
	if policy.SafeModify {
		d.logger.Error("nobody under default_policy_dn can be reset: it wants the old password with each change (pwdSafeModify)", "server", c.server.url)
	}
	if !tells && d.config.MustChange && !policy.MustChange {
		d.logger.Warn("must_change has no effect under default_policy_dn: set pwdMustChange to TRUE there", "server", c.server.url)
	}
	return nil
}

// policyOfMost returns the policy of people whose entry names none, or nil.
func (d *Directory) policyOfMost(ctx context.Context, c *conn, f flavor) (*ldap.Entry, error) {
	dn := d.defaultPolicyDN(f)
	if dn == "" {
		return nil, nil
	}
	entries, err := c.search(ctx, d.entry(dn, "(objectClass=*)", f.policyAttributes()...))
	if err != nil && !ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		return nil, unavailable("read default_policy_dn", err)
	}
	if len(entries) != 1 {
		d.logger.Warn("the password policy of most people cannot be read, so its rules are not shown: give the service account read access to it", "server", c.server.url)
		return nil, nil
	}
	return entries[0], nil
}

func (d *Directory) checkReadable(ctx context.Context, c *conn, key, dn string) error {
	if dn == "" {
		return nil
	}
	entries, err := c.search(ctx, d.entry(dn, "(objectClass=*)", noAttributes))
	if err != nil && !ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		return unavailable("read "+key, err)
	}
	if len(entries) == 1 {
		return nil
	}
	return fmt.Errorf("%w: %s: the service account does not find the entry of %s: check how it is written, and give the service account read access to it and to what is below", ErrUnavailable, c.server.url, key)
}
