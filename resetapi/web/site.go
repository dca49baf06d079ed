package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"latchkey/resetapi/change"
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

// Locks takes a lock away and leaves the password.
type Locks interface {
	Unlock(ctx context.Context, ticket recovery.Ticket) (recovery.View, error)
}

// Recoveries is all that the pages ask of the recovery service.
type Recoveries interface {
	Attempts
	Gates
	Passwords
	Locks
}

// Changes changes passwords that people know, and tells what holds for a new one
// of everybody.
type Changes interface {
	Change(ctx context.Context, request change.Request) (change.Outcome, error)
	Rules() recovery.PasswordRules
}

// Desk takes requests for help and returns the reference number of each.
type Desk interface {
	Submit(ctx context.Context, request support.Request, address netip.Addr) (reference string, err error)
}

// Disowning is what the link in a notice leads to. Disown returns the reference
// number of the reset that it was about. Both fail with block.ErrLink where the
// link is no good.
type Disowning interface {
	CheckLink(ctx context.Context, link string, from netip.Addr) error
	Disown(ctx context.Context, link string, from netip.Addr) (reference string, err error)
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
	// Changes changes known passwords; may be nil where that is not offered.
	Changes Changes
	// Disowning stops self-service for whoever says "that was not me"; where it
	// is nil no link is good.
	Disowning Disowning
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

// Route returns the pattern of the page or file that a request leads to, such
// as /static/{name}; empty where there is none. Its values are few and hold
// nothing of the request.
func (s *Site) Route(r *http.Request) string {
	_, pattern := s.mux.Handler(r)
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = path
	}
	switch pattern {
	case "/":
		return ""
	case pathStart + "{$}":
		return pathStart
	}
	return pattern
}

func (s *Site) routes() {
	for path, methods := range map[string]struct{ get, post handler }{
		"/{$}":           {get: s.showStart, post: s.start},
		pathVerify:       {get: s.showVerify},
		pathSend:         {get: s.goOn, post: s.send},
		pathCode:         {get: s.goOn, post: s.prove},
		pathPassword:     {get: s.showPassword, post: s.setPassword},
		pathUnlock:       {get: s.goOn, post: s.unlock},
		pathChange:       {get: s.showChange, post: s.change},
		pathChanged:      {get: s.showChanged},
		pathDone:         {get: s.showDone},
		pathEnded:        {get: s.showEnded},
		pathGiveUp:       {get: s.goOn, post: s.giveUp},
		pathSupport:      {get: s.showSupport, post: s.askSupport},
		pathSent:         {get: s.showSent},
		pathNotMe:        {get: s.showNotMe, post: s.disown},
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
