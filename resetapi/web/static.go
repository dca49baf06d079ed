package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

//go:embed static
var staticFiles embed.FS

// asset is a file that never changes under its name: the name holds its hash.
type asset struct {
	kind string
	body []byte
}

func (s *Site) addAsset(name, extension, kind string) (string, error) {
	body, err := staticFiles.ReadFile("static/" + name + extension)
	if err != nil {
		return "", fmt.Errorf("read a static file: %w", err)
	}
	return s.keepAsset(name, extension, kind, body), nil
}

// keepAsset serves a file and returns its path.
func (s *Site) keepAsset(name, extension, kind string, body []byte) string {
	sum := sha256.Sum256(body)
	hashed := name + "." + hex.EncodeToString(sum[:6]) + extension
	s.assets[hashed] = asset{kind, body}
	return "/static/" + hashed
}

// waitStyle tells the style how long the panel with help is not shown: it is
// configured, and a page may have no style of its own.
func waitStyle(d time.Duration) []byte {
	return fmt.Appendf(nil, ":root { --panel-after: %dms; }\n", d.Milliseconds())
}

func (s *Site) static(w http.ResponseWriter, r *http.Request) error {
	found, ok := s.assets[r.PathValue("name")]
	if !ok {
		return s.nothingHere(w, r)
	}
	header := w.Header()
	header.Set("Content-Type", found.kind)
	header.Set("Content-Length", strconv.Itoa(len(found.body)))
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method != http.MethodHead {
		_, _ = w.Write(found.body)
	}
	return nil
}
