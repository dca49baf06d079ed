package ldapserver

import (
	"context"

	"latchkey/internal/setting"
)

// The extended operations that this package knows how to read.
const (
	// OIDPasswordModify is RFC 3062.
	OIDPasswordModify = "1.3.6.1.4.1.4203.1.11.1"
	// OIDWhoAmI is RFC 4532.
	OIDWhoAmI = "1.3.6.1.4.1.4203.1.11.3"
	// OIDStartTLS is RFC 4511 §4.14; the server answers it itself.
	OIDStartTLS = startTLSOID
)

// PasswordModifyRequest is RFC 3062 §2. What is absent is empty: without
// Identity the password is that of who asks, without New the server makes one.
type PasswordModifyRequest struct {
	Identity string
	Old, New setting.Secret
	// HasOld and HasNew tell an empty password from none.
	HasOld, HasNew bool
	Controls       Controls
}

// PasswordModifier sets passwords.
type PasswordModifier interface {
	// ModifyPassword returns the password that the server made, if it made one.
	ModifyPassword(ctx context.Context, r *PasswordModifyRequest) (setting.Secret, Result)
}

// PasswordModify makes an extended operation of a PasswordModifier.
func PasswordModify(modifier PasswordModifier) Extender { return passwordModify{modifier} }

type passwordModify struct{ modifier PasswordModifier }

// Extend is part of [Extender].
func (p passwordModify) Extend(ctx context.Context, r *ExtendedRequest) ExtendedResult {
	request, err := decodePasswordModify(r)
	if err != nil {
		return ExtendedResult{Result: Failure(ProtocolError, "the value of Password Modify is malformed")}
	}
	generated, result := p.modifier.ModifyPassword(ctx, request)
	if result.Code != Success || generated.IsZero() {
		return ExtendedResult{Result: result}
	}
	value := appendText(nil, classContext, generated.Reveal())
	return ExtendedResult{Result: result, Value: string(appendElement(nil, tagSequence, value)), HasValue: true}
}

// decodePasswordModify reads PasswdModifyRequestValue, which may be absent.
func decodePasswordModify(r *ExtendedRequest) (*PasswordModifyRequest, error) {
	request := &PasswordModifyRequest{Controls: r.Controls}
	if !r.HasValue {
		return request, nil
	}
	outer := &reader{rest: []byte(r.Value)}
	inner := outer.inside(tagSequence)
	outer.end()
	identity, _ := inner.optional(classContext)
	var old, renewed []byte
	old, request.HasOld = inner.optional(classContext | 1)
	renewed, request.HasNew = inner.optional(classContext | 2)
	inner.end()
	request.Identity = string(identity)
	request.Old, request.New = setting.NewSecret(string(old)), setting.NewSecret(string(renewed))
	if outer.err != nil {
		return nil, outer.err
	}
	return request, inner.err
}

// Identifier tells who the client is.
type Identifier interface {
	// Identify returns an authorization identity such as "dn:cn=…", empty for
	// anonymous (RFC 4513 §5.2.1.8).
	Identify(ctx context.Context) (string, Result)
}

// WhoAmI makes an extended operation of an Identifier.
func WhoAmI(identifier Identifier) Extender { return whoAmI{identifier} }

type whoAmI struct{ identifier Identifier }

// Extend is part of [Extender].
func (w whoAmI) Extend(ctx context.Context, r *ExtendedRequest) ExtendedResult {
	if r.HasValue {
		return ExtendedResult{Result: Failure(ProtocolError, "this operation has no value")}
	}
	identity, result := w.identifier.Identify(ctx)
	return ExtendedResult{Result: result, Value: identity, HasValue: result.Code == Success}
}
