package sms

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"

	"latchkey/resetapi/delivery"
)

// maxAnswer is how much of an answer is looked at.
const maxAnswer = 64 << 10

// post sends one request and judges the answer.
func (g *Gateway) post(ctx context.Context, v values) error {
	ctx, cancel := context.WithTimeout(ctx, g.config.Timeout.Std())
	defer cancel()
	connected := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	request, err := g.request(ctx, v)
	if err != nil {
		return err
	}
	// No http.Client: it would follow redirects, and put the address with its
	// query into errors.
	answer, err := g.transport.RoundTrip(request)
	if err != nil {
		return unanswered(err, connected)
	}
	defer answer.Body.Close()
	return g.answered(answer)
}

func (g *Gateway) request(ctx context.Context, v values) (*http.Request, error) {
	c := g.config
	target, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: the address of the gateway is not usable", delivery.ErrPermanent)
	}
	target.RawQuery = v.expand(target.RawQuery, url.QueryEscape)
	var body io.Reader
	if c.Method != http.MethodGet {
		body = strings.NewReader(v.expand(c.Body, escaping(c.ContentType)))
	}
	request, err := http.NewRequestWithContext(ctx, c.Method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%w: the request to the gateway cannot be made", delivery.ErrPermanent)
	}
	for _, line := range c.Headers {
		name, value, _ := strings.Cut(line, ":")
		request.Header.Add(name, v.expand(strings.TrimSpace(value), asItIs))
	}
	if body != nil {
		request.Header.Set("Content-Type", c.ContentType)
	}
	if c.IdempotencyHeader != "" {
		request.Header.Set(c.IdempotencyHeader, v.id)
	}
	request.Header.Set("User-Agent", "latchkey")
	return request, nil
}

// unanswered describes a request without an answer. Before there was a
// connection, nothing can have been taken; afterwards it may.
func unanswered(err error, connected bool) error {
	if connected {
		return fmt.Errorf("the SMS gateway gave no answer: %w", delivery.ErrUncertain)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w: the certificate of the SMS gateway is not trusted", delivery.ErrUnreachable)
	}
	if errors.Is(err, errNotPublic) {
		return fmt.Errorf("%w: %w", delivery.ErrUnreachable, errNotPublic)
	}
	return fmt.Errorf("%w: the SMS gateway: %w", delivery.ErrUnreachable, err)
}

// answered reads the answer. A proxy in front of the gateway that gave up (502,
// 504) does not know whether the message was taken.
func (g *Gateway) answered(answer *http.Response) error {
	code := answer.StatusCode
	switch {
	case slices.Contains(g.config.SuccessStatus, code):
		return g.confirmed(answer)
	case code == http.StatusBadGateway, code == http.StatusGatewayTimeout:
		return fmt.Errorf("the SMS gateway answered %d: %w", code, delivery.ErrUncertain)
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
		return fmt.Errorf("the SMS gateway answered %d", code)
	}
	return fmt.Errorf("%w: the SMS gateway answered %d", delivery.ErrPermanent, code)
}

// confirmed wants the text that means success, if one is configured.
func (g *Gateway) confirmed(answer *http.Response) error {
	if g.config.SuccessText == "" {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if strings.Contains(string(text), g.config.SuccessText) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the answer of the SMS gateway broke off: %w", delivery.ErrUncertain)
	}
	return fmt.Errorf("%w: the SMS gateway answered %d without success_text", delivery.ErrPermanent, answer.StatusCode)
}
