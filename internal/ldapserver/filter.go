package ldapserver

import "fmt"

// FilterKind is the choice of a filter, by its tag (RFC 4511 §4.5.1.7).
type FilterKind byte

// The kinds of filters.
const (
	FilterAnd FilterKind = iota
	FilterOr
	FilterNot
	FilterEqual
	FilterSubstrings
	FilterGreaterOrEqual
	FilterLessOrEqual
	FilterPresent
	FilterApprox
	FilterExtensible
)

// Filter is one node of a filter.
type Filter struct {
	Kind FilterKind
	// Parts are those of and, or, and the one of not.
	Parts []Filter
	// Attribute is the description that all others look at. An extensible
	// filter may have none.
	Attribute string
	// Value is what is compared.
	Value string
	// Substrings are those of a substrings filter.
	Substrings *Substrings
	// Rule is the matching rule of an extensible filter; it may have none.
	Rule string
	// NameToo: an extensible filter looks at the attributes of the DN too.
	NameToo bool
}

// Substrings are the parts of (attribute=initial*any*final).
type Substrings struct {
	Initial, Final string
	Any            []string
}

// The bounds of a filter. Those that Latchkey sends have depth 3; a synchronizing
// client may or together many names.
const (
	maxFilterDepth = 32
	maxFilterNodes = 2048
)

// ParseFilter decodes a filter as it stands in a request or in the assertion
// control (RFC 4528).
func ParseFilter(encoded string) (Filter, error) {
	r := &reader{rest: []byte(encoded)}
	nodes := maxFilterNodes
	filter := decodeFilter(r, maxFilterDepth, &nodes)
	if r.err == nil && r.more() {
		r.err = fmt.Errorf("%w: something behind the filter", errMalformed)
	}
	return filter, r.err
}

func decodeFilter(r *reader, depth int, nodes *int) Filter {
	if *nodes--; depth == 0 || *nodes < 0 {
		r.fail("a filter beyond all bounds")
	}
	tag, content := r.next()
	if r.err != nil {
		return Filter{}
	}
	filter := Filter{Kind: FilterKind(tag & tagNumber)}
	inner := &reader{rest: content}
	simple := tag&constructed == 0
	switch {
	case tag&^(constructed|tagNumber) != classContext, simple != (filter.Kind == FilterPresent):
		inner.fail("no filter")
	case filter.Kind == FilterAnd, filter.Kind == FilterOr:
		for inner.more() {
			filter.Parts = append(filter.Parts, decodeFilter(inner, depth-1, nodes))
		}
	case filter.Kind == FilterNot:
		filter.Parts = []Filter{decodeFilter(inner, depth-1, nodes)}
		inner.end()
	case filter.Kind == FilterPresent:
		filter.Attribute = string(content)
	case filter.Kind == FilterSubstrings:
		filter.Attribute = inner.text()
		filter.Substrings = decodeSubstrings(inner.inside(tagSequence), inner)
	case filter.Kind == FilterExtensible:
		decodeExtensible(inner, &filter)
	case filter.Kind < FilterExtensible:
		filter.Attribute, filter.Value = inner.text(), inner.text()
		inner.end()
	default:
		inner.fail("no filter")
	}
	if inner.err == nil && filter.Attribute == "" && filter.Kind >= FilterEqual && filter.Kind != FilterExtensible {
		inner.fail("no attribute")
	}
	if r.err == nil {
		r.err = inner.err
	}
	return filter
}

// decodeSubstrings wants at least one part, the initial one first and the final
// one last.
func decodeSubstrings(r, outer *reader) *Substrings {
	s := &Substrings{}
	parts := 0
	for ended := false; r.more(); parts++ {
		tag, content := r.next()
		switch {
		case r.err != nil:
		case len(content) == 0 || ended:
			r.fail("a substring where none belongs")
		case tag == classContext && parts == 0:
			s.Initial = string(content)
		case tag == classContext|1:
			s.Any = append(s.Any, string(content))
		case tag == classContext|2:
			s.Final, ended = string(content), true
		default:
			r.fail("a substring where none belongs")
		}
	}
	if parts == 0 {
		r.fail("no substring")
	}
	if outer.err == nil {
		outer.err = r.err
	}
	return s
}

// decodeExtensible reads MatchingRuleAssertion (RFC 4511 §4.5.1.7.7).
func decodeExtensible(r *reader, filter *Filter) {
	if rule, ok := r.optional(classContext | 1); ok {
		filter.Rule = string(rule)
	}
	if attribute, ok := r.optional(classContext | 2); ok {
		filter.Attribute = string(attribute)
	}
	filter.Value = string(r.take(classContext | 3))
	if tag, ok := r.peek(); ok && tag == classContext|4 {
		filter.NameToo = r.boolean(tag)
	}
	if filter.Rule == "" && filter.Attribute == "" {
		r.fail("neither a rule nor an attribute")
	}
}
