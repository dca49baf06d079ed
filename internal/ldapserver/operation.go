package ldapserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// handle starts what a message asks for. An error ends the connection.
func (c *connection) handle(m message, controlsErr error) error {
	switch m.kind {
	case KindUnbind:
		return io.EOF
	case KindAbandon:
		if id, ok := decodeAbandon(m); ok {
			c.work.abandon(id)
		}
		return nil
	}
	if c.work.has(m.id) {
		return fmt.Errorf("%w: the number of an operation in flight", errMalformed)
	}
	if controlsErr != nil {
		return c.answer(m, Failure(ProtocolError, "the controls are malformed"))
	}
	if !c.heeds(m) {
		return c.answer(m, Failure(UnavailableCriticalExtension, "a critical control is not known for this operation"))
	}
	switch m.kind {
	case KindBind:
		return c.bind(m)
	case KindExtended:
		request, err := decodeExtended(m)
		if err == nil && request.Name == startTLSOID {
			return c.startTLS(m)
		}
	}
	return c.start(m)
}

// heeds reports whether all critical controls are known for the operation.
func (c *connection) heeds(m message) bool {
	for _, control := range m.controls {
		if control.Critical && !slices.Contains(c.operations.Controls[control.OID], m.kind) {
			return false
		}
	}
	return true
}

// answer sends a result that comes without an operation.
func (c *connection) answer(m message, result Result) error {
	return c.write(encodeResult(m.id, m.kind.response(), result, nil), true)
}

// errOperationTime is why the context of an operation ends that takes too long.
var errOperationTime = errors.New("ldapserver: the operation takes too long")

// start runs an operation beside the others.
func (c *connection) start(m message) error {
	operate, err := c.decode(m)
	if err != nil {
		return c.answer(m, Failure(ProtocolError, "the request is malformed"))
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, c.server.config.OperationTimeout, errOperationTime)
	t := &task{id: m.id, size: m.size, cancel: cancel}
	if !c.work.begin(t, c.maxMessage()) {
		cancel()
		return c.answer(m, Failure(Busy, "too many operations at a time on this connection"))
	}
	go func() {
		defer c.work.running.Done()
		defer cancel()
		var panicked error
		func() {
			defer c.contain(&panicked)
			answer := operate(ctx)
			if c.work.settle(t) {
				_ = c.write(answer, true)
			}
		}()
		if panicked != nil {
			c.work.settle(t)
			_ = c.write(notice(panicked), true)
			c.cancel()
			_ = c.network.Close()
		}
	}()
	return nil
}

// operate carries out an operation and returns its last answer.
type operate func(context.Context) []byte

// decode reads the request of an operation that runs beside others.
func (c *connection) decode(m message) (operate, error) {
	switch m.kind {
	case KindSearch:
		request, err := decodeSearch(m)
		return func(ctx context.Context) []byte { return c.search(ctx, m, request) }, err
	case KindExtended:
		request, err := decodeExtended(m)
		return func(ctx context.Context) []byte { return encodeExtended(m.id, c.extend(ctx, request)) }, err
	}
	carryOut, err := c.decodeWrite(m)
	return func(ctx context.Context) []byte { return encodeResult(m.id, m.kind.response(), carryOut(ctx), nil) }, err
}

func unoffered(context.Context) Result {
	return Failure(UnwillingToPerform, "this operation is not offered")
}

// decodeWrite reads the requests whose answer is a plain result.
func (c *connection) decodeWrite(m message) (func(context.Context) Result, error) {
	o := c.operations
	switch {
	case m.kind == KindCompare && o.Compare != nil:
		request, err := decodeCompare(m)
		return func(ctx context.Context) Result { return o.Compare.Compare(ctx, request) }, err
	case m.kind == KindModify && o.Modify != nil:
		request, err := decodeModify(m)
		return func(ctx context.Context) Result { return o.Modify.Modify(ctx, request) }, err
	case m.kind == KindAdd && o.Entries != nil:
		request, err := decodeAdd(m)
		return func(ctx context.Context) Result { return o.Entries.Add(ctx, request) }, err
	case m.kind == KindDelete && o.Entries != nil:
		request := &DeleteRequest{DN: string(m.body), Controls: m.controls}
		return func(ctx context.Context) Result { return o.Entries.Delete(ctx, request) }, nil
	case m.kind == KindRename && o.Entries != nil:
		request, err := decodeRename(m)
		return func(ctx context.Context) Result { return o.Entries.Rename(ctx, request) }, err
	}
	return unoffered, nil
}

func (c *connection) extend(ctx context.Context, request *ExtendedRequest) ExtendedResult {
	extender, ok := c.operations.Extended[request.Name]
	if !ok {
		return ExtendedResult{Result: Failure(ProtocolError, "unsupported extended operation")}
	}
	return extender.Extend(ctx, request)
}

var (
	errSizeLimit = errors.New("ldapserver: size limit")
	errTimeLimit = errors.New("ldapserver: time limit")
)

// search holds to the limits that the client set.
func (c *connection) search(ctx context.Context, m message, request *SearchRequest) []byte {
	if c.operations.Search == nil {
		return encodeResult(m.id, searchDone, unoffered(ctx), nil)
	}
	if request.TimeLimit > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, time.Duration(request.TimeLimit)*time.Second, errTimeLimit)
		defer cancel()
		ctx = limited
	}
	sent, more := 0, false
	result := c.operations.Search.Search(ctx, request, func(entry Entry) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if more = request.SizeLimit > 0 && sent >= request.SizeLimit; more {
			return errSizeLimit
		}
		sent++
		return c.write(encodeEntry(m.id, entry), false)
	})
	cause := context.Cause(ctx)
	switch {
	case more:
		result = Result{Code: SizeLimitExceeded}
	case errors.Is(cause, errTimeLimit), errors.Is(cause, errOperationTime):
		result = Result{Code: TimeLimitExceeded}
	}
	return encodeResult(m.id, searchDone, result, nil)
}
