package testenv

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// accept serves one listener. secure turns the connection into an encrypted
// one.
func (p *LDAPProxy) accept(l net.Listener, secure func(net.Conn) (net.Conn, error)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() {
			defer p.forget(c)
			p.remember(c, true)
			if encrypted, err := secure(c); err == nil {
				p.serve(encrypted)
			}
		})
	}
}

func (p *LDAPProxy) remember(c net.Conn, client bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = client
	if client {
		p.connections++
	}
}

func (p *LDAPProxy) forget(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

func (p *LDAPProxy) handshake(c net.Conn) (net.Conn, error) {
	encrypted := tls.Server(c, p.server)
	return encrypted, encrypted.Handshake()
}

var errStayedClear = errors.New("the client did not encrypt")

// upgrade waits for StartTLS.
func (p *LDAPProxy) upgrade(c net.Conn) (net.Conn, error) {
	const success, unavailable = 0, 52
	m, err := readMessage(c)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.clear.Write(m.Bytes)
	refuse := p.refuseStartTLS
	p.mu.Unlock()
	if m.Op != LDAPExtendedRequest {
		return nil, errStayedClear
	}
	if refuse {
		if _, err := c.Write(m.Result(LDAPExtendedResponse, unavailable, "no TLS here")); err != nil {
			return nil, err
		}
		p.listenInClear(c)
		return nil, errStayedClear
	}
	if _, err := c.Write(m.Result(LDAPExtendedResponse, success, "")); err != nil {
		return nil, err
	}
	return p.handshake(c)
}

// listenInClear keeps what a careless client would send after a refusal.
func (p *LDAPProxy) listenInClear(c net.Conn) {
	for {
		m, err := readMessage(c)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.clear.Write(m.Bytes)
		p.mu.Unlock()
	}
}

func (p *LDAPProxy) serve(client net.Conn) {
	server, err := tls.Dial("tcp", p.backend, p.client)
	if err != nil {
		return
	}
	defer p.forget(server)
	p.remember(server, false)
	p.running.Go(func() {
		defer client.Close()
		defer server.Close()
		p.copy(client, server, func() func(LDAPMessage) LDAPAction { return p.onResponse })
	})
	defer client.Close()
	p.copy(server, client, func() func(LDAPMessage) LDAPAction { return p.onRequest })
}

// copy passes messages from one side to the other until one of them ends.
func (p *LDAPProxy) copy(to io.Writer, from io.ReadWriter, hook func() func(LDAPMessage) LDAPAction) {
	for {
		m, err := readMessage(from)
		if err != nil {
			return
		}
		p.mu.Lock()
		f := hook()
		p.mu.Unlock()
		var action LDAPAction
		if f != nil {
			action = f(m)
		}
		if action.Drop || !p.wait(action.Wait) || !pass(to, from, m, action) {
			return
		}
	}
}

// wait reports whether the message is to go on.
func (p *LDAPProxy) wait(until <-chan struct{}) bool {
	if until == nil {
		return true
	}
	select {
	case <-until:
		return true
	case <-p.closed:
		return false
	}
}

// pass does with one message what was asked for, and reports whether that went
// well.
func pass(to, back io.Writer, m LDAPMessage, action LDAPAction) bool {
	var err error
	switch {
	case action.Swallow:
	case action.Answer != nil:
		_, err = back.Write(action.Answer)
	case action.Replace != nil:
		_, err = to.Write(action.Replace)
	default:
		_, err = to.Write(m.Bytes)
	}
	return err == nil
}
