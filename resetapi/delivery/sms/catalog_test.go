package sms

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resetapi/delivery"
)

func TestCatalogs(t *testing.T) {
	c, err := loadCatalogs()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 20, 24, 5, 0, time.UTC)
	for _, one := range c.all {
		if got, want := slices.Sorted(maps.Keys(one.Kinds)), slices.Sorted(maps.Keys(c.all[0].Kinds)); !slices.Equal(got, want) {
			t.Errorf("%v has the kinds %v, English has %v", one.tag, got, want)
		}
		for name, said := range one.Kinds {
			m := delivery.Message{Kind: name, Language: one.tag.String(), ValidFor: 10 * time.Minute, At: at}
			if name == delivery.KindCode {
				m.Code = "12345678"
			}
			const longHost = "passwort-zuruecksetzen.it.verwaltung.stadt-beispielhausen.example"
			for host, start := range map[string]string{"reset.example.org": said.Text, longHost: said.Short} {
				text, err := c.render(m, host)
				if err != nil || !fits(text) || strings.ContainsAny(text, "{}") {
					t.Errorf("%v %s: %q, %v", one.tag, name, text, err)
				}
				first, _, _ := strings.Cut(strings.ReplaceAll(start, "{host}", host), "{")
				if host == "reset.example.org" && !strings.HasPrefix(text, first) {
					t.Errorf("%v %s: %q, want the long text", one.tag, name, text)
				}
				if m.Code != "" && !strings.HasSuffix(text, "\n@"+host+" #12345678") {
					t.Errorf("%v %s: %q does not end with the bound code", one.tag, name, text)
				}
				if name == delivery.KindNotice && !strings.Contains(text, "2026-11-23 20:24 UTC") {
					t.Errorf("%v %s: %q has no time", one.tag, name, text)
				}
			}
		}
	}
}

func TestRender(t *testing.T) {
	c, err := loadCatalogs()
	if err != nil {
		t.Fatal(err)
	}
	m := message()
	for language, want := range map[string]string{
		"de-AT": "1234 5678 ist Ihr Code", "tlh": "1234 5678 is your code", "": "1234 5678 is your code", "\x00{code}": "1234 5678 is your code",
	} {
		m.Language = language
		if text, err := c.render(m, "a.example"); err != nil || !strings.HasPrefix(text, want) {
			t.Errorf("%q: %q, %v", language, text, err)
		}
	}
	m.Language, m.ValidFor = "en", time.Second
	if text, err := c.render(m, strings.Repeat("a", 200)); err != nil || text != "1234 5678 is your code, valid for 1 min." {
		t.Errorf("a host that leaves no room: %q, %v", text, err)
	}
}

func TestFits(t *testing.T) {
	for text, want := range map[string]bool{
		strings.Repeat("ä", 160):         true,
		strings.Repeat("a", 161):         false,
		strings.Repeat("€", 80):          true,
		strings.Repeat("€", 80) + "a":    false,
		strings.Repeat("ж", 70):          true,
		strings.Repeat("ж", 71):          false,
		strings.Repeat("a", 70) + "ж":    false,
		strings.Repeat("\U0001f511", 35): true,
		strings.Repeat("\U0001f511", 36): false,
		"":                               true,
	} {
		if fits(text) != want {
			t.Errorf("%d characters of %.3q: %v", len([]rune(text)), text, !want)
		}
	}
}
