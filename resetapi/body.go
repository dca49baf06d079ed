package resetapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"latchkey/resetapi/problem"
)

// texts reads a JSON object whose members are all texts: exactly the wanted
// ones, each once. Everything else is refused, because what two readers read
// differently is how checks are got around.
func texts(r *http.Request, wanted ...string) (map[string]string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, &problem.RequestError{Type: problem.MediaType, Detail: "The body is JSON."}
	}
	decoder := json.NewDecoder(r.Body)
	found := make(map[string]string, len(wanted))
	if err := expect(decoder, json.Delim('{')); err != nil {
		return nil, err
	}
	for decoder.More() {
		key, err := text(decoder)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(wanted, key) {
			return nil, bad("The body has a member that does not belong there.")
		}
		if _, twice := found[key]; twice {
			return nil, bad(fmt.Sprintf("The member %q stands twice.", key))
		}
		if found[key], err = text(decoder); err != nil {
			return nil, err
		}
	}
	if err := expect(decoder, json.Delim('}')); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, bad("Something follows the object.")
	}
	for _, key := range wanted {
		if _, ok := found[key]; !ok {
			return nil, bad(fmt.Sprintf("The member %q is missing.", key))
		}
	}
	return found, nil
}

func expect(decoder *json.Decoder, want json.Delim) error {
	token, err := decoder.Token()
	if err != nil {
		return readError(err)
	}
	if token != want {
		return bad("The body is one JSON object.")
	}
	return nil
}

func text(decoder *json.Decoder) (string, error) {
	token, err := decoder.Token()
	if err != nil {
		return "", readError(err)
	}
	value, ok := token.(string)
	if !ok {
		return "", bad("All members of the body are texts.")
	}
	// The decoder puts U+FFFD in place of what is no text: a password would be
	// set that nobody typed.
	if strings.ContainsRune(value, utf8.RuneError) {
		return "", bad("The body is not UTF-8.")
	}
	return value, nil
}

// readError tells a body that is too large from one that is no JSON.
func readError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem.RequestError{Type: problem.TooLarge, Detail: "A request has at most 64 KiB."}
	}
	return bad("The body is not well-formed JSON.")
}

func bad(detail string) error {
	return &problem.RequestError{Type: problem.BadRequest, Detail: detail}
}
