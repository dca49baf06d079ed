package sms

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// The content types of a body.
const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
	typeXML  = "application/xml"
	typeText = "text/xml"
)

// placeholder is what stands for a value in the configuration.
var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// values are what placeholders stand for.
type values struct {
	to, text, id, sender, secret string
}

// expand puts the values, escaped, into a template. What a value holds is not
// expanded again.
func (v values) expand(template string, escape func(string) string) string {
	return strings.NewReplacer(
		"{to}", escape(v.to), "{digits}", escape(strings.TrimPrefix(v.to, "+")), "{text}", escape(v.text),
		"{id}", escape(v.id), "{sender}", escape(v.sender), "{secret}", escape(v.secret),
	).Replace(template)
}

// foreign returns the first placeholder of a template that is none of these.
func foreign(template string, known ...string) string {
	for _, found := range placeholder.FindAllString(template, -1) {
		if !strings.Contains(strings.Join(known, " "), found) {
			return found
		}
	}
	return ""
}

// escaping returns how values are written into a body of a content type; nil
// where the type is none that is known.
func escaping(contentType string) func(string) string {
	switch contentType {
	case typeJSON:
		return inJSON
	case typeForm:
		return url.QueryEscape
	case typeXML, typeText:
		return inXML
	}
	return nil
}

func asItIs(s string) string { return s }

// inJSON is a text as it stands between the quotes of a JSON string.
func inJSON(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return string(text[1 : len(text)-1])
}

func inXML(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err) // a buffer
	}
	return b.String()
}

// wellFormed reports why a body is none of its content type, once its
// placeholders are filled in.
func wellFormed(contentType, template string) error {
	sample := values{to: "+4915123456789", text: "a \"<b>\" & c\n@d #1", id: "x", sender: "y", secret: "z"}
	body := sample.expand(template, escaping(contentType))
	switch contentType {
	case typeJSON:
		return json.Unmarshal([]byte(body), new(any))
	case typeForm:
		_, err := url.ParseQuery(body)
		return err
	}
	if err := xml.Unmarshal([]byte(body), new(struct{})); err != nil {
		return fmt.Errorf("XML: %w", err)
	}
	return nil
}
