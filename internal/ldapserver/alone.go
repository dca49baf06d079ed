package ldapserver

import (
	"context"
	"crypto/tls"
	"fmt"
)

// bind runs when everything before it has ended, and before anything behind it
// is read.
func (c *connection) bind(m message) error {
	c.work.running.Wait()
	c.bound = false
	if c.operations.Bind == nil {
		return c.answer(m, unoffered(c.ctx))
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, c.server.config.OperationTimeout, errOperationTime)
	defer cancel()
	request, refused := simpleBind(m)
	if refused.Code != Success {
		// Whoever fails to bind is nobody, also where the handler is not asked.
		c.operations.Bind.Bind(ctx, &BindRequest{})
		return c.answer(m, refused)
	}
	result := c.operations.Bind.Bind(ctx, request)
	c.bound = result.Code == Success && request.Name != ""
	return c.answer(m, result)
}

// simpleBind refuses all binds but the simple one.
func simpleBind(m message) (*BindRequest, Result) {
	request, version, simple, err := decodeBind(m)
	switch {
	case err != nil:
		return nil, Failure(ProtocolError, "the request is malformed")
	case version != 3:
		return nil, Failure(ProtocolError, "only LDAP version 3 is spoken")
	case !simple:
		return nil, Failure(AuthMethodNotSupported, "only the simple bind is offered")
	}
	return request, Result{}
}

// startTLSOID names StartTLS (RFC 4511 §4.14).
const startTLSOID = "1.3.6.1.4.1.1466.20037"

// startTLS wants nothing in flight and nothing behind it: what an attacker
// added in clear would else count as said under TLS.
func (c *connection) startTLS(m message) error {
	reply := func(code Code, text string) error {
		return c.write(encodeExtended(m.id, ExtendedResult{Result: Failure(code, text), Name: startTLSOID}), true)
	}
	switch {
	case c.server.config.TLS == nil:
		return reply(ProtocolError, "StartTLS is not offered")
	case c.peer.Encrypted():
		return reply(OperationsError, "TLS is already in use")
	case !c.work.none():
		return reply(OperationsError, "other operations are in flight")
	case c.in.Buffered() > 0:
		return fmt.Errorf("%w: something behind StartTLS", errMalformed)
	}
	// An operation may still be sending the end of its answer.
	c.work.running.Wait()
	if err := reply(Success, ""); err != nil {
		return err
	}
	encrypted := tls.Server(c.network, c.server.config.TLS)
	if err := c.handshake(encrypted); err != nil {
		return err
	}
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.use(encrypted)
	return nil
}
