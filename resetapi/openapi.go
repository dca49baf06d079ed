package resetapi

import (
	_ "embed"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"
)

// contract is the API's description (OpenAPI 3.1). A test holds it against the
// handlers, both ways.
//
//go:embed openapi.yaml
var contract []byte

// describe serves the contract to everyone: it tells nothing of an installation.
func (s *Server) describe(r chi.Router) {
	r.Get("/openapi.yaml", s.api(tellContract))
	r.Head("/openapi.yaml", s.api(tellContract))
}

// tellContract answers with the media type of RFC 9512.
func tellContract(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Length", strconv.Itoa(len(contract)))
	_, err := w.Write(contract)
	return err
}
