package web

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast holds the colors to WCAG 2.2: 4.5:1 for text, 3:1 for the edges
// of fields, in both schemes.
func TestContrast(t *testing.T) {
	css, err := staticFiles.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("there is no dark scheme")
	}
	dark, _, _ = strings.Cut(dark, "\n}\n")
	for scheme, text := range map[string]string{"light": light, "dark": dark} {
		colors := palette(text)
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"ink", "ground", 4.5},
			{"ink", "paper", 4.5},
			{"ink", "note-ground", 4.5},
			{"ink", "bad-ground", 4.5},
			{"soft", "ground", 4.5},
			{"soft", "paper", 4.5},
			{"accent", "paper", 4.5},
			{"accent", "ground", 4.5},
			{"accent", "note-ground", 4.5},
			{"accent-deep", "note-ground", 4.5},
			{"on-accent", "accent", 4.5},
			{"on-accent", "accent-deep", 4.5},
			{"bad", "bad-ground", 4.5},
			{"bad", "paper", 4.5},
			{"line", "paper", 3},
		} {
			front, back := colors[pair.front], colors[pair.back]
			if front == "" || back == "" {
				t.Fatalf("%s: no color %s or %s", scheme, pair.front, pair.back)
			}
			if got := contrast(t, front, back); got < pair.least {
				t.Errorf("%s: %s on %s has %.2f:1, want %.1f:1", scheme, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

func palette(css string) map[string]string {
	colors := make(map[string]string)
	for _, match := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6});`).FindAllStringSubmatch(css, -1) {
		color := match[2]
		if len(color) == 3 {
			color = color[:1] + color[:1] + color[1:2] + color[1:2] + color[2:] + color[2:]
		}
		colors[match[1]] = color
	}
	return colors
}

// contrast is the contrast ratio of WCAG 2.2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(color string) float64 {
		var sum float64
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			value, err := strconv.ParseUint(color[2*i:2*i+2], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(value) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum + 0.05
	}
	one, other := light(a), light(b)
	return max(one, other) / min(one, other)
}
