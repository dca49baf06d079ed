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
	var failures []error
	for _, s := range d.servers {
		if err := d.checkServer(ctx, s); err != nil {
			failures = append(failures, err)
			d.logger.Warn("a server of the directory cannot be used", "server", s.url, "error", err)
		}
	}
	if len(failures) == len(d.servers) {
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
	root, err := rootDSE(ctx, c)
	if err != nil {
		return err
	}
	if err := d.known().demands(root); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, s.url, err)
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

// checkPolicy warns where the rules for most people do not go with the
// configuration.
func (d *Directory) checkPolicy(ctx context.Context, c *conn) error {
	if d.config.DefaultPolicyDN == "" {
		return nil
	}
	entries, err := c.search(ctx, d.entry(d.config.DefaultPolicyDN, "(objectClass=*)", d.known().policyAttributes()...))
	if err != nil {
		return unavailable("read default_policy_dn", err)
	}
	if len(entries) != 1 {
		return nil
	}
	policy, err := d.known().policy(entries[0], "", time.Now())
	if err != nil {
		return err
	}
	if policy.SafeModify {
		d.logger.Error("nobody under default_policy_dn can be reset: it wants the old password with each change (pwdSafeModify)", "server", c.server.url)
	}
	if d.config.MustChange && !policy.MustChange {
		d.logger.Warn("must_change has no effect under default_policy_dn: set pwdMustChange to TRUE there", "server", c.server.url)
	}
	return nil
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
