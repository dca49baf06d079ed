package config

import (
	"fmt"
	"time"

	"latchkey/internal/setting"
	"latchkey/resetapi/policy"
)

// checkSMS finds policies that want SMS where it is off.
func (l *loader) checkSMS(c *Config) {
	for i, rule := range c.Policies {
		if rule.Uses(policy.SMS) && !c.SMS.On() {
			l.judged(fmt.Sprintf("policy[%d]", i), setting.Fault{
				Key: "methods", Problem: "has \"sms\", and SMS is off", Allowed: "other methods; or list countries in [sms] and fill in its gateway",
			})
		}
	}
}

// Warnings returns what is allowed and hardly meant, one sentence each.
func (c *Config) Warnings() []string {
	var warnings []string
	if len(c.Administrators.Groups) > 0 && !c.SMS.On() {
		warnings = append(warnings, "administrators cannot reset: they need a code by SMS too, and SMS is off; list countries in [sms]")
	}
	for i, rule := range c.Policies {
		if rule.Only(policy.SMS) {
			warnings = append(warnings, fmt.Sprintf("policy[%d] has no method but SMS, which can be intercepted; offer another one beside it", i))
		}
	}
	return append(warnings, c.expiries(time.Now())...)
}
