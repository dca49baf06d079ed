package memory

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// entry is one entry. It is changed only before it is put in place.
type entry struct {
	name name
	// attributes have at least one value each, in the order of their coming.
	attributes []attribute
	// guard is held by whoever changes the entry; copies share it.
	guard *sync.Mutex
	// sequence is the place in the order in which entries were added.
	sequence uint64
	// members are the keys of the names in member and uniqueMember.
	members []string
}

// attribute is a description with values; key is the description for comparing.
type attribute struct {
	name, key string
	values    []string
}

func newEntry(n name) *entry { return &entry{name: n, guard: &sync.Mutex{}} }

// clone copies an entry so that it may be changed.
func (e *entry) clone() *entry {
	c := *e
	c.attributes = make([]attribute, len(e.attributes))
	for i, a := range e.attributes {
		c.attributes[i] = attribute{name: a.name, key: a.key, values: slices.Clone(a.values)}
	}
	return &c
}

// settle prepares an entry that is to be put in place.
func (e *entry) settle() {
	e.members = nil
	for _, attribute := range []string{"member", "uniquemember"} {
		for _, value := range e.byKey(attribute) {
			if key, ok := distinguishedName.normal(value); ok {
				e.members = append(e.members, key)
			}
		}
	}
}

func (e *entry) find(description string) int {
	key := keyOf(description)
	return slices.IndexFunc(e.attributes, func(a attribute) bool { return a.key == key })
}

// values returns the values of an attribute.
func (e *entry) values(description string) []string {
	if i := e.find(description); i >= 0 {
		return e.attributes[i].values
	}
	return nil
}

// byKey is values for a key in the form of keyOf.
func (e *entry) byKey(key string) []string {
	for i := range e.attributes {
		if e.attributes[i].key == key {
			return e.attributes[i].values
		}
	}
	return nil
}

// keys names the attributes.
func (e *entry) keys() []string {
	keys := make([]string, len(e.attributes))
	for i := range e.attributes {
		keys[i] = e.attributes[i].key
	}
	return keys
}

// value returns the first value, or nothing.
func (e *entry) value(description string) string {
	if values := e.values(description); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (e *entry) has(description, value string) bool {
	rule := syntaxOf(baseOf(keyOf(description)))
	return slices.ContainsFunc(e.values(description), func(v string) bool { return rule.equal(v, value) })
}

// isTrue reads a boolean.
func (e *entry) isTrue(description string) bool {
	return strings.EqualFold(e.value(description), "TRUE")
}

// add adds values that are not there yet.
func (e *entry) add(description string, values ...string) {
	for _, value := range values {
		if e.has(description, value) {
			continue
		}
		if i := e.find(description); i >= 0 {
			e.attributes[i].values = append(e.attributes[i].values, value)
			continue
		}
		e.attributes = append(e.attributes, attribute{name: canonicalName(description), key: keyOf(description), values: []string{value}})
	}
}

// set puts values in the place of all others; none removes the attribute.
func (e *entry) set(description string, values ...string) {
	key := keyOf(description)
	e.attributes = slices.DeleteFunc(e.attributes, func(a attribute) bool { return a.key == key })
	e.add(description, values...)
}

// remove takes one value away and reports whether it was there.
func (e *entry) remove(description, value string) bool {
	i := e.find(description)
	if i < 0 {
		return false
	}
	rule := syntaxOf(baseOf(keyOf(description)))
	before := len(e.attributes[i].values)
	e.attributes[i].values = slices.DeleteFunc(e.attributes[i].values, func(v string) bool { return rule.equal(v, value) })
	after := len(e.attributes[i].values)
	if after == 0 {
		e.attributes = slices.Delete(e.attributes, i, i+1)
	}
	return after < before
}

// complete adds what every entry has (RFC 4512 §3.4, RFC 4530).
func (d *Directory) complete(e *entry, creator name, now time.Time) {
	for _, part := range e.name.rdns[0].parts {
		e.add(part.attribute, part.value)
	}
	for _, value := range e.values(userPassword) {
		if !isHashed(value) {
			e.remove(userPassword, value)
			e.add(userPassword, d.hasher.hash(value))
		}
	}
	stamp := generalizedTime(now)
	for _, missing := range []struct{ attribute, value string }{
		{"structuralObjectClass", structuralClass(e.values(objectClass))},
		{"entryUUID", uuid.NewString()},
		{"creatorsName", creator.text},
		{"createTimestamp", stamp},
		{"entryCSN", changeNumber(now)},
		{"modifiersName", creator.text},
		{"modifyTimestamp", stamp},
		{"entryDN", e.name.text},
		{"subschemaSubentry", subschemaDN},
	} {
		if e.find(missing.attribute) < 0 && missing.value != "" {
			e.add(missing.attribute, missing.value)
		}
	}
}

// touch notes who changed an entry and when.
func (e *entry) touch(by name, now time.Time) {
	e.set("entryCSN", changeNumber(now))
	e.set("modifiersName", by.text)
	e.set("modifyTimestamp", generalizedTime(now))
}

// generalizedTime is the form of RFC 4517 §3.3.13.
func generalizedTime(t time.Time) string { return t.UTC().Format("20060102150405Z") }

// preciseTime has the form that slapd gives failures.
func preciseTime(t time.Time) string { return t.UTC().Format("20060102150405.000000Z") }

func changeNumber(t time.Time) string { return preciseTime(t) + "#000000#000#000000" }

// parseTime reads both forms.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{"20060102150405Z", "20060102150405.999999999Z", "200601021504Z", "2006010215Z"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
