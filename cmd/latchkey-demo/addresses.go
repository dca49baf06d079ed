package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// options are the flags.
type options struct{ addr, inbox string }

// usageError is a flag that cannot be.
type usageError string

func (e usageError) Error() string { return string(e) }

// settle looks whether the pages can be where the flags want them, and puts the
// ports in that the system chose in the place of 0.
func (o options) settle(ctx context.Context) (options, error) {
	for _, one := range []struct {
		flag    string
		address *string
	}{{"-addr", &o.addr}, {"-inbox-addr", &o.inbox}} {
		parsed, err := netip.ParseAddrPort(*one.address)
		if err != nil {
			return o, usageError(fmt.Sprintf("%s %s is not an address with a port, such as 127.0.0.1:8090", one.flag, *one.address))
		}
		if !parsed.Addr().IsLoopback() {
			return o, usageError(fmt.Sprintf("%s %s is not on this machine only: the demonstration has no TLS and lets everyone in, so it stays on 127.0.0.1", one.flag, *one.address))
		}
		l, err := listen(ctx, *one.address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return o, fmt.Errorf("another program uses %[2]s: end it (perhaps it is a demonstration too), or choose another port, such as\n\n  bin/latchkey-demo %[1]s %[3]s:0\n\nwhere 0 lets the system choose", one.flag, *one.address, parsed.Addr())
		}
		if err != nil {
			return o, err
		}
		*one.address = l.Addr().String()
		if err := l.Close(); err != nil {
			return o, err
		}
	}
	return o, nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}
