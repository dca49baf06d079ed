package recovery

import "strings"

// BrowserName names a browser and its system roughly, in words of ours, from a
// User-Agent header (RFC 9110 §10.1.5). It is for the notice that a person
// gets; nothing is decided by it, as anybody can send any header. Empty when
// nothing is recognized.
func BrowserName(userAgent string) string {
	// Later names stand in the headers of earlier ones: Edge calls itself
	// Chrome and Safari too.
	browser := firstOf(userAgent, [][2]string{
		{"Edg/", "Edge"},
		{"OPR/", "Opera"},
		{"Firefox/", "Firefox"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"},
	})
	system := firstOf(userAgent, [][2]string{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	})
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	default:
		return browser + system
	}
}

func firstOf(text string, marks [][2]string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark[0]) {
			return mark[1]
		}
	}
	return ""
}
