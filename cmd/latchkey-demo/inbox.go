package main

import (
	"html/template"
	"net/http"
	"slices"
)

// inboxPage shows the newest mail first and looks for more every two seconds.
const inboxPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="2">
<title>Inbox of the demonstration</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
article { border: 1px solid #c9d1d9; border-radius: .5rem; padding: .5rem 1rem; margin: 1rem 0; }
pre { white-space: pre-wrap; font: inherit; }
</style>
<h1>Inbox of the demonstration</h1>
{{range .}}<article><h2>{{.Subject}}</h2><p>To: {{range .To}}{{.}}{{end}}</p><pre>{{.Text}}</pre></article>
{{else}}<p>No mail yet. Codes that the wizard sends appear here.</p>{{end}}
</html>`

// inbox serves everything that the mail server got.
func (d *demo) inbox() http.Handler {
	page := template.Must(template.New("inbox").Parse(inboxPage))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		messages := d.mail.Messages()
		slices.Reverse(messages)
		_ = page.Execute(w, messages)
	})
}
