package ldapserver

import (
	"context"
	"net"
	"sync/atomic"
)

// Handler gives each connection who carries out its operations.
type Handler interface {
	// Open is called once for each connection; ctx ends with the connection.
	Open(ctx context.Context, peer *Peer) Operations
}

// Peer is the other end of a connection.
type Peer struct {
	// Address is where the connection comes from.
	Address net.Addr
	// StartTLS: the server offers it.
	StartTLS bool

	encrypted atomic.Bool
}

// Encrypted reports whether the connection has TLS by now.
func (p *Peer) Encrypted() bool { return p.encrypted.Load() }

// Operations carry out what one connection asks for. Those that are nil are
// answered with unwillingToPerform. A bind is never called while another
// operation of the connection runs; all others may run side by side.
type Operations struct {
	Bind    Binder
	Search  Searcher
	Compare Comparer
	Modify  Modifier
	Entries EntryWriter
	// Extended names the extended operations by OID. StartTLS is the server's
	// own.
	Extended map[string]Extender
	// Controls names the request controls by OID, and the operations that heed
	// them.
	Controls map[string][]Kind
}

// Binder proves who a client is.
type Binder interface {
	// Bind makes the client who it says, or, whatever else fails, nobody. Both
	// name and password are empty where the client gave itself up.
	Bind(ctx context.Context, r *BindRequest) Result
}

// Searcher finds entries.
type Searcher interface {
	// Search sends what it finds. When send fails the search ends; its error
	// need not be looked at further.
	Search(ctx context.Context, r *SearchRequest, send func(Entry) error) Result
}

// Comparer compares one value.
type Comparer interface {
	Compare(ctx context.Context, r *CompareRequest) Result
}

// Modifier changes one entry.
type Modifier interface {
	Modify(ctx context.Context, r *ModifyRequest) Result
}

// EntryWriter makes, removes and renames whole entries.
type EntryWriter interface {
	Add(ctx context.Context, r *AddRequest) Result
	Delete(ctx context.Context, r *DeleteRequest) Result
	Rename(ctx context.Context, r *RenameRequest) Result
}

// Extender carries out one extended operation.
type Extender interface {
	Extend(ctx context.Context, r *ExtendedRequest) ExtendedResult
}
