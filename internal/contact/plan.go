package contact

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// The library for telephone numbers matches dozens of regular expressions for each
// number. Here the same plans, which it carries, are automata. What is written in
// E.164, or with the national prefix of its country, is decided by them, exactly
// as the library would; anything that the library might read in another way is
// left to it. A fuzz test holds the two together.

// plan is the numbering plan of a country.
type plan struct {
	code int
	// general are all its numbers; kinds are in the order in which they are asked.
	general *pattern
	kinds   []kindPattern
	fixed   *pattern
	mobile  *pattern
	// same: fixed lines and mobiles are not told apart.
	same bool
	// leading, if any, tells the countries with one calling code apart.
	leading *automaton
	// trunk and abroad begin numbers in national form, or may; trunk is nil where
	// nothing does.
	trunk, abroad *automaton
	// literal is the trunk prefix where it is digits only, and is taken away.
	literal string
	// localOnly are lengths of numbers that are dialed within a place.
	localOnly []int32
}

type pattern struct {
	*automaton

	lengths []int32
}

type kindPattern struct {
	kind phonenumbers.PhoneNumberType
	*pattern
}

func (p *pattern) fits(digits string) bool {
	return (len(p.lengths) == 0 || slices.Contains(p.lengths, int32(len(digits)))) && p.matches(digits)
}

// plans are made when they are first asked for and never change.
type plans struct {
	made   sync.Map // region → *plan, nil for one that is left to the library
	source func() map[string]*phonenumbers.PhoneMetadata
}

var numbering = plans{source: sync.OnceValue(func() map[string]*phonenumbers.PhoneMetadata {
	all := make(map[string]*phonenumbers.PhoneMetadata)
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		return all // everything is left to the library
	}
	for _, m := range collection.GetMetadata() {
		all[m.GetId()] = m
	}
	return all
})}

// of returns the plan of a country, or nil.
func (p *plans) of(region string) *plan {
	if known, ok := p.made.Load(region); ok {
		return known.(*plan)
	}
	known, _ := p.made.LoadOrStore(region, newPlan(p.source()[region]))
	return known.(*plan)
}

const globalNetworks = "001"

func newPlan(m *phonenumbers.PhoneMetadata) *plan {
	if m == nil || m.GetId() == globalNetworks {
		return nil
	}
	whole := true
	compiled := func(expression string, loose bool) *automaton {
		a := newAutomaton("(?:"+expression+")", loose)
		whole = whole && a != nil
		return a
	}
	described := func(d *phonenumbers.PhoneNumberDesc) *pattern {
		if d == nil {
			whole = false
			return nil
		}
		return &pattern{compiled(d.GetNationalNumberPattern(), false), d.GetPossibleLength()}
	}
	optional := func(expression string, loose bool) *automaton {
		if expression == "" {
			return nil
		}
		return compiled(expression, loose)
	}
	p := &plan{
		code: int(m.GetCountryCode()), general: described(m.GetGeneralDesc()), fixed: described(m.GetFixedLine()), mobile: described(m.GetMobile()),
		kinds: []kindPattern{
			{phonenumbers.PREMIUM_RATE, described(m.GetPremiumRate())},
			{phonenumbers.TOLL_FREE, described(m.GetTollFree())},
			{phonenumbers.SHARED_COST, described(m.GetSharedCost())},
			{phonenumbers.VOIP, described(m.GetVoip())},
			{phonenumbers.PERSONAL_NUMBER, described(m.GetPersonalNumber())},
			{phonenumbers.PAGER, described(m.GetPager())},
			{phonenumbers.UAN, described(m.GetUan())},
			{phonenumbers.VOICEMAIL, described(m.GetVoicemail())},
		},
		same: m.GetSameMobileAndFixedLinePattern(), leading: optional(m.GetLeadingDigits(), false), trunk: optional(m.GetNationalPrefixForParsing(), true),
		abroad: compiled(m.GetInternationalPrefix(), true), localOnly: m.GetGeneralDesc().GetPossibleLengthLocalOnly(),
	}
	if text := m.GetNationalPrefixForParsing(); strings.Trim(text, "0123456789") == "" && m.GetNationalPrefixTransformRule() == "" {
		p.literal = text
	}
	if !whole {
		return nil
	}
	return p
}

// kind is the kind of a national number.
func (p *plan) kind(national string) phonenumbers.PhoneNumberType {
	if !p.general.fits(national) {
		return phonenumbers.UNKNOWN
	}
	for _, one := range p.kinds {
		if one.fits(national) {
			return one.kind
		}
	}
	switch fixed := p.fixed.fits(national); {
	case fixed && (p.same || p.mobile.fits(national)):
		return phonenumbers.FIXED_LINE_OR_MOBILE
	case fixed:
		return phonenumbers.FIXED_LINE
	case !p.same && p.mobile.fits(national):
		return phonenumbers.MOBILE
	}
	return phonenumbers.UNKNOWN
}

// international reads what stands behind the + of a number; ok is false where
// that is for the library to decide.
func (p *plans) international(digits string) (normal string, kind phonenumbers.PhoneNumberType, ok bool) {
	const longestCode = 3
	for n := 1; n <= longestCode && n < len(digits); n++ {
		code, _ := strconv.Atoi(digits[:n])
		regions := phonenumbers.GetRegionCodesForCountryCode(code)
		if len(regions) == 0 {
			continue
		}
		national := digits[n:]
		home := p.of(regions[0])
		if home == nil || home.trunk != nil && home.trunk.begins(national) {
			return "", 0, false
		}
		return p.within(code, regions, national)
	}
	return "", 0, false
}

// national reads a number as it is dialed within a country.
func (p *plans) national(digits, region string) (normal string, kind phonenumbers.PhoneNumberType, ok bool) {
	home := p.of(region)
	if home == nil || home.abroad.begins(digits) || strings.HasPrefix(digits, strconv.Itoa(home.code)) {
		return "", 0, false
	}
	if home.trunk != nil && home.trunk.begins(digits) {
		// What could be a number with its first digits and without them is not ours.
		stripped := strings.TrimPrefix(digits, home.literal)
		length := int32(len(stripped))
		if home.literal == "" || home.general.matches(digits) || !slices.Contains(home.general.lengths, length) || slices.Contains(home.localOnly, length) {
			return "", 0, false
		}
		digits = stripped
	}
	return p.within(home.code, phonenumbers.GetRegionCodesForCountryCode(home.code), digits)
}

// within tells the kind of a number of one of the countries with a calling code.
func (p *plans) within(code int, regions []string, national string) (normal string, kind phonenumbers.PhoneNumberType, ok bool) {
	// Shorter ones are not always numbers to the library; leading zeros are counted.
	const shortest, longest = 4, 17
	if len(national) < shortest || len(national) > longest || national[0] == '0' {
		return "", 0, false
	}
	kind = phonenumbers.UNKNOWN
	for _, region := range regions {
		of := p.of(region)
		if of == nil {
			return "", 0, false
		}
		if of.leading == nil || len(regions) == 1 {
			kind = of.kind(national)
		} else if of.leading.begins(national) {
			kind = of.kind(national)
			break
		}
		if kind != phonenumbers.UNKNOWN {
			break
		}
	}
	return "+" + strconv.Itoa(code) + national, kind, true
}
