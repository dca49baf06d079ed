package main

import (
	"html/template"
	"net/http"
	"strings"
	"sync"

	"latchkey/internal/testenv"
)

// inboxPage shows the newest message first and looks for more every few seconds.
const inboxPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="4">
<title>Inbox of the demonstration</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
article { border: 1px solid #c9d1d9; border-radius: .5rem; padding: .5rem 1rem; margin: 1rem 0; }
h2 { font-size: 1.1rem; margin: .5rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
</style>
<h1>Inbox of the demonstration</h1>
<p>Everyone's mails and SMS, the newest first.</p>
{{range .}}<article><h2>{{.Title}}</h2><p>To: {{.To}}</p><pre>{{.Text}}</pre></article>
{{else}}<p>Nothing yet. Codes that are sent appear here.</p>{{end}}
</html>`

// arrival is one mail or SMS.
type arrival struct{ Title, To, Text string }

// inbox keeps everything that was sent, the newest first, and shows it.
type inbox struct {
	mu       sync.Mutex
	arrivals []arrival
}

func (i *inbox) mail(m testenv.Message) {
	i.add(arrival{Title: m.Subject, To: strings.Join(m.To, ", "), Text: m.Text})
}

func (i *inbox) sms(r testenv.SMSRequest) {
	i.add(arrival{Title: "SMS", To: r.To, Text: r.Text})
}

func (i *inbox) add(a arrival) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.arrivals = append([]arrival{a}, i.arrivals...)
}

// ServeHTTP serves the page.
func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	i.mu.Lock()
	arrivals := i.arrivals
	i.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = template.Must(template.New("inbox").Parse(inboxPage)).Execute(w, arrivals)
}
