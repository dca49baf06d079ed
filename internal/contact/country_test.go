package contact

import "testing"

func TestCountry(t *testing.T) {
	for number, want := range map[string]string{
		"+4915123456789": "DE",
		"+493012345678":  "DE",
		"+447400123456":  "GB",
		"+14165550123":   "CA",
		"+12125550123":   "US",
		"+393123456789":  "IT",
		// Not a person's.
		"+499001234567": "", "+498001234567": "", "+491801234567": "",
		"+88213312345": "", "+97912345678": "", "+881612345678": "",
		// Not in the form of E.164.
		"015123456789": "", "+49 1512 3456789": "", "+4915123456789 ": "", "+49": "", "": "", "x": "",
	} {
		if got := Country(number); got != want {
			t.Errorf("Country(%q) = %q, want %q", number, got, want)
		}
	}
	if !IsCountry("DE") || IsCountry("de") || IsCountry("001") || IsCountry("XX") || IsCountry("") {
		t.Error("IsCountry knows other countries than ISO 3166-1")
	}
}
