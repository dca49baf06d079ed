package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// bindTimeout bounds one sign-in.
const bindTimeout = 5 * time.Second

// The tags and codes of RFC 4511 that a bind needs.
const (
	bindRequestTag     = 0
	bindResponseTag    = 1
	resultSuccess      = 0
	invalidCredentials = 49
)

// errNotUnderstood means that the answer is none of LDAP.
var errNotUnderstood = errors.New("the answer to a bind is not understood")

// signsIn binds as somebody, as every program that signs people in would
// (RFC 4513 §5.1.3), and tells whether the directory lets them in.
func signsIn(ctx context.Context, address string, trust *tls.Config, dn, password string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: trust}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false, fmt.Errorf("connect to the directory: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(bindTimeout)); err != nil {
		return false, err
	}
	if _, err := conn.Write(bindRequest(dn, password)); err != nil {
		return false, fmt.Errorf("send a bind: %w", err)
	}
	const longest = 64 << 10
	answer, err := ber.ReadPacket(io.LimitReader(conn, longest))
	if err != nil {
		return false, fmt.Errorf("read the answer to a bind: %w", err)
	}
	code, err := resultOf(answer)
	if err != nil {
		return false, err
	}
	if code != resultSuccess && code != invalidCredentials {
		return false, fmt.Errorf("the directory answers a bind with code %d", code)
	}
	return code == resultSuccess, nil
}

// bindRequest is a simple bind (RFC 4511 §4.2).
func bindRequest(dn, password string) []byte {
	message := ber.NewSequence("LDAPMessage")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "messageID"))
	bind := ber.Encode(ber.ClassApplication, ber.TypeConstructed, bindRequestTag, nil, "BindRequest")
	bind.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, "version"))
	bind.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, "name"))
	bind.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, password, "simple"))
	message.AppendChild(bind)
	return message.Bytes()
}

// resultOf is the result code of a bind response.
func resultOf(message *ber.Packet) (int64, error) {
	if len(message.Children) < 2 || message.Children[1].Tag != bindResponseTag || len(message.Children[1].Children) == 0 {
		return 0, errNotUnderstood
	}
	code, ok := message.Children[1].Children[0].Value.(int64)
	if !ok {
		return 0, errNotUnderstood
	}
	return code, nil
}
