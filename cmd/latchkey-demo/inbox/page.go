package inbox

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page.html style.css refresh.js
var files embed.FS

// Words are what the page says besides what arrived.
type Words struct {
	// Wizard is the address of the pages under demonstration.
	Wizard string
	// Password is what everyone has at the start, Rules say what a new one needs.
	Password, Rules string
	Cast            []Role
}

// Role is somebody to be.
type Role struct{ Login, Who, Happens string }

// Page serves the page of an inbox.
type Page struct {
	inbox *Inbox
	words Words
	page  *template.Template
	mux   *http.ServeMux
}

// NewPage returns the page.
func NewPage(i *Inbox, words Words) (*Page, error) {
	parsed, err := template.New("page.html").Funcs(template.FuncMap{"pieces": pieces}).ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	p := &Page{inbox: i, words: words, page: parsed, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /{$}", p.whole)
	p.mux.HandleFunc("GET /new", p.news)
	p.mux.HandleFunc("GET /mail/{number}", p.mail)
	p.mux.Handle("GET /style.css", http.FileServerFS(files))
	p.mux.Handle("GET /refresh.js", http.FileServerFS(files))
	return p, nil
}

// ServeHTTP serves the page, and nothing but this page to a browser.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	p.mux.ServeHTTP(w, r)
}

func (p *Page) whole(w http.ResponseWriter, _ *http.Request) {
	p.render(w, "page.html", struct {
		Words
		Items []Item
	}{p.words, p.inbox.Items()})
}

// news is what came after an item that the page shows already.
func (p *Page) news(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.URL.Query().Get("after"))
	if err != nil {
		http.Error(w, "after what?", http.StatusBadRequest)
		return
	}
	items := p.inbox.after(number)
	if len(items) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	p.render(w, "items", items)
}

// mail is a mail as HTML. It may style itself and do nothing else.
func (p *Page) mail(w http.ResponseWriter, r *http.Request) {
	number, _ := strconv.Atoi(r.PathValue("number"))
	item, ok := p.inbox.find(number)
	if !ok || strings.TrimSpace(item.HTML) == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(item.HTML))
}

func (p *Page) render(w http.ResponseWriter, name string, data any) {
	var body bytes.Buffer
	if err := p.page.ExecuteTemplate(&body, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = body.WriteTo(w)
}
