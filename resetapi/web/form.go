package web

import (
	"errors"
	"mime"
	"net/http"

	"latchkey/resetapi/problem"
)

// largestForm is far above any form of ours (ASVS 15.3.5).
const largestForm = 64 << 10

// form reads the named fields of a posted form. Other fields are ignored; a
// field that is there twice is nobody's typing and refused.
func form(w http.ResponseWriter, r *http.Request, names ...string) (map[string]string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, &problem.RequestError{Type: problem.MediaType, Detail: "Send a form."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, largestForm)
	if err := r.ParseForm(); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, &problem.RequestError{Type: problem.TooLarge, Detail: "The form is too large."}
		}
		return nil, &problem.RequestError{Type: problem.BadRequest, Detail: "The form cannot be read."}
	}
	fields := make(map[string]string, len(names))
	for _, name := range names {
		values := r.PostForm[name]
		if len(values) != 1 {
			return nil, &problem.RequestError{Type: problem.BadRequest, Detail: "The field " + name + " must be there once."}
		}
		fields[name] = values[0]
	}
	return fields, nil
}
