package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// loadPages parses each template within the layout.
func loadPages(files fs.FS) (map[string]*template.Template, error) {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	const layout = "templates/layout.html"
	pages := make(map[string]*template.Template)
	for _, name := range names {
		if name == layout {
			continue
		}
		parsed, err := template.New(path.Base(layout)).ParseFS(files, layout, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pages[strings.TrimSuffix(path.Base(name), ".html")] = parsed
	}
	return pages, nil
}

// stages is how many parts the way has.
const stages = 3

// frame is what the layout shows around the content of a page. A page sets
// Title and what it needs of Stage to Content; render does the rest.
type frame struct {
	*speech
	Title string
	// Stage is the part of the way that is marked: 1 to stages, one more when all
	// are behind, 0 for none.
	Stage int
	// Alerts say what was wrong with the form that was sent.
	Alerts []alert
	// Help shows the ways to get help at once; otherwise they wait a moment.
	Help bool
	// Refresh is after how many seconds the page loads itself again.
	Refresh int
	Content any

	Brand   string
	Support Config
	// Writes tells that the page leads to the form for support; the form itself
	// does not.
	Writes bool
	Style  string
	// Wait is the style that holds the panel back; empty where it is there at once.
	Wait string
	Logo string
}

// Wrong reports whether an alert is about a field.
func (f frame) Wrong(field string) bool { return f.Fault(field) != "" }

// Fault is the first sentence about a field; empty where nothing is wrong.
func (f frame) Fault(field string) string {
	for _, a := range f.Alerts {
		if a.Field == field {
			return a.Text
		}
	}
	return ""
}

func (s *Site) speech(r *http.Request) *speech {
	return s.languages.match(r.Header.Get("Accept-Language"))
}

// render writes a page whole or not at all.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f.speech = s.speech(r)
	f.Support, f.Style, f.Logo, f.Brand = s.config, s.style, s.logo, s.config.ServiceName
	if f.Brand == "" {
		f.Brand = f.T("brand")
	}
	f.Writes = s.config.TakesRequests() && r.URL.Path != pathSupport && r.URL.Path != pathSent
	// A page that says that something went wrong, or that loads itself again
	// before the wait is over, holds nothing back.
	if !f.Help && len(f.Alerts) == 0 && f.Refresh == 0 && status < http.StatusBadRequest {
		f.Wait = s.wait
	}
	var body bytes.Buffer
	if err := s.pages[name].Execute(&body, f); err != nil {
		s.logger.ErrorContext(r.Context(), "a page could not be rendered", "page", name,
			"request_id", s.options.RequestID(r.Context()), "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	s.forget(w, r)
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	header.Set("Content-Language", f.Language())
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = body.WriteTo(w)
	}
}
