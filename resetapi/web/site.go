package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"

	"latchkey/resetapi/recovery"
	"latchkey/resetapi/support"
)

// Attempts begins and ends recoveries.
type Attempts interface {
	Start(ctx context.Context, request recovery.StartRequest) (recovery.Ticket, recovery.View, error)
	GiveUp(ctx context.Context, ticket recovery.Ticket) error
}

// Gates shows where a recovery stands and opens and passes its gates. Prove
// returns the ticket that is good from then on.
type Gates interface {
	View(ctx context.Context, ticket recovery.Ticket) (recovery.View, error)
	Open(ctx context.Context, ticket recovery.Ticket, method recovery.Method) (recovery.View, error)
	Prove(ctx context.Context, ticket recovery.Ticket, method recovery.Method, code string) (recovery.Ticket, recovery.View, error)
}

// Passwords tells the rules of a new password and sets it. Remember returns the
// mark of the browser on which that ended well.
type Passwords interface {
	PasswordRules(ctx context.Context, ticket recovery.Ticket) (recovery.PasswordRules, error)
	SetPassword(ctx context.Context, ticket recovery.Ticket, password string) (recovery.View, error)
	Remember(ctx context.Context, ticket recovery.Ticket) (string, error)
}

// Recoveries is all that the pages ask of the recovery service.
type Recoveries interface {
	Attempts
	Gates
	Passwords
}

// Desk takes requests for help and returns the reference number of each.
type Desk interface {
	Submit(ctx context.Context, request support.Request, address netip.Addr) (reference string, err error)
}

// Options is what the server around the pages knows.
type Options struct {
	// Address returns where a request came from, for the limits.
	Address func(*http.Request) netip.Addr
	// RequestID returns the id that the log has for a request; it is shown on
	// error pages.
	RequestID func(context.Context) string
	// Insecure drops Secure and the __Host- prefix from the cookies. It is for a
	// public URL that is http on the loopback and for nothing else.
	Insecure bool
	// Desk takes what people write to support; may be nil where the
	// configuration names no address for it.
	Desk Desk
}

// Site is the wizard as an http.Handler for the root of a host.
type Site struct {
	config     Config
	options    Options
	recoveries Recoveries
	logger     *slog.Logger
	languages  *languages
	pages      map[string]*template.Template
	assets     map[string]asset
	style      string
	wait       string
	logo       string
	mux        *http.ServeMux
}

// New returns the pages over the recovery service. It fails when a template,
// catalog or option is not complete.
func New(c Config, recoveries Recoveries, logger *slog.Logger, o Options) (*Site, error) {
	if o.Address == nil || o.RequestID == nil {
		return nil, errors.New("the pages need the functions Address and RequestID")
	}
	if c.TakesRequests() && o.Desk == nil {
		return nil, errors.New("the pages need a desk that takes requests for help")
	}
	spoken, err := loadLanguages(messageFiles)
	if err != nil {
		return nil, fmt.Errorf("load the message catalogs: %w", err)
	}
	pages, err := loadPages(templateFiles)
	if err != nil {
		return nil, fmt.Errorf("load the pages: %w", err)
	}
	s := &Site{
		config: c, options: o, recoveries: recoveries, logger: logger,
		languages: spoken, pages: pages, assets: make(map[string]asset), mux: http.NewServeMux(),
	}
	if s.style, err = s.addAsset("style", ".css", "text/css; charset=utf-8"); err != nil {
		return nil, err
	}
	if s.logo, err = s.addAsset("logo", ".svg", "image/svg+xml"); err != nil {
		return nil, err
	}
	if c.PanelAfter > 0 {
		s.wait = s.keepAsset("wait", ".css", "text/css; charset=utf-8", waitStyle(c.PanelAfter.Std()))
	}
	s.routes()
	return s, nil
}

// ServeHTTP answers a request for a page or a static file.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Site) routes() {
	for path, methods := range map[string]struct{ get, post handler }{
		"/{$}":           {get: s.showStart, post: s.start},
		pathVerify:       {get: s.showVerify},
		pathSend:         {get: s.goOn, post: s.send},
		pathCode:         {get: s.goOn, post: s.prove},
		pathPassword:     {get: s.showPassword, post: s.setPassword},
		pathDone:         {get: s.showDone},
		pathEnded:        {get: s.showEnded},
		pathGiveUp:       {get: s.goOn, post: s.giveUp},
		pathSupport:      {get: s.showSupport, post: s.askSupport},
		pathSent:         {get: s.showSent},
		"/static/{name}": {get: s.static},
	} {
		allowed := "GET, HEAD"
		s.mux.Handle("GET "+path, s.page(methods.get))
		if methods.post != nil {
			s.mux.Handle("POST "+path, s.page(methods.post))
			allowed += ", POST"
		}
		s.mux.Handle(path, s.otherMethod(allowed))
	}
	s.mux.Handle("/", s.page(s.nothingHere))
}
