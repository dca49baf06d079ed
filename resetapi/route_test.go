package resetapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// TestAllow: who uses a wrong method is told the right ones (RFC 9110 §15.5.6).
func TestAllow(t *testing.T) {
	a := newAPI(t, description(t))
	for path, want := range map[string]string{
		"/recoveries": "POST", onePath: "GET, DELETE", onePath + "/proofs": "POST", onePath + "/challenges": "POST",
		onePath + "/password": "PUT", onePath + "/unlock": "POST", "/password-changes": "POST", onePath + "/password-policy": "GET", "/openapi.yaml": "GET, HEAD",
	} {
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, good("PATCH", path, "").request(t.Context()))
		if got := w.Header().Values("Allow"); w.Code != http.StatusMethodNotAllowed || !slices.Equal(got, []string{want}) {
			t.Errorf("PATCH %s: %d, Allow %q, want %q", path, w.Code, got, want)
		}
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, good("GET", "/nothing", "").request(t.Context()))
	if w.Header().Get("Allow") != "" {
		t.Errorf("a path that is none has Allow %q", w.Header().Get("Allow"))
	}
}

// routes remembers what requests were counted as.
type routes struct {
	noMeter
	seen []string
}

func (r *routes) Request(route, method string, _ int, _ time.Duration) {
	r.seen = append(r.seen, method+" "+route)
}

// TestRoutesOfPages: the metrics call each page by its pattern, and what is no
// page by one name, however it is called.
func TestRoutesOfPages(t *testing.T) {
	c := Defaults()
	c.PublicURL = site
	meter := new(routes)
	handler := New(c, new(scripted), nil, noPages{}, meter, slog.New(slog.NewTextHandler(io.Discard, nil))).Handler()
	for _, path := range []string{"/one/7", "/two", "/api/v1/recoveries/x", "/api/v1/x"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, site+path, nil))
	}
	want := []string{"GET /one/{n}", "GET /*", "GET /api/v1/recoveries/{id}", "GET /api/v1/*"}
	if !slices.Equal(meter.seen, want) {
		t.Errorf("%q, want %q", meter.seen, want)
	}
}
