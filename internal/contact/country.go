package contact

import "github.com/nyaruka/phonenumbers"

// Country returns the country (ISO 3166-1, such as "DE") of a number in the
// form of E.164, and nothing where it is no personal number of a country:
// premium, shared-cost and other service numbers, and the global networks,
// have none.
func Country(e164 string) string {
	number, err := phonenumbers.Parse(e164, "ZZ")
	if err != nil || !phonenumbers.IsValidNumber(number) || !personal(number, phonenumbers.GetNumberType(number)) || phonenumbers.Format(number, phonenumbers.E164) != e164 {
		return ""
	}
	return phonenumbers.GetRegionCodeForNumber(number)
}

// IsCountry reports whether a text names a country that has numbers, in two
// capital letters of ISO 3166-1.
func IsCountry(code string) bool { return knownRegion(code) }
