package ldapserver

import (
	"math"

	"latchkey/internal/setting"
)

// tagSimple is the only choice of authentication that is offered.
const tagSimple = classContext

// decodeBind reads RFC 4511 §4.2. simple is false for SASL.
func decodeBind(m message) (request *BindRequest, version int, simple bool, err error) {
	r := &reader{rest: m.body}
	version = r.number(tagInteger, 127)
	request = &BindRequest{Name: r.text(), Controls: m.controls}
	tag, password := r.next()
	request.Password = setting.NewSecret(string(password))
	return request, version, tag == tagSimple, r.err
}

func decodeSearch(m message) (*SearchRequest, error) {
	r := &reader{rest: m.body}
	request := &SearchRequest{Base: r.text(), Controls: m.controls}
	request.Scope = Scope(r.number(tagEnumerated, int(scopes)-1))
	const aliases = 3
	r.number(tagEnumerated, aliases)
	request.SizeLimit = r.number(tagInteger, math.MaxInt32)
	request.TimeLimit = r.number(tagInteger, math.MaxInt32)
	request.TypesOnly = r.boolean(tagBoolean)
	nodes := maxFilterNodes
	request.Filter = decodeFilter(r, maxFilterDepth, &nodes)
	for names := r.inside(tagSequence); ; {
		if !names.more() {
			return request, names.err
		}
		request.Attributes = append(request.Attributes, names.text())
	}
}

func decodeCompare(m message) (*CompareRequest, error) {
	r := &reader{rest: m.body}
	request := &CompareRequest{DN: r.text(), Controls: m.controls}
	assertion := r.inside(tagSequence)
	request.Attribute, request.Value = assertion.text(), setting.NewSecret(assertion.text())
	return request, assertion.err
}

func decodeModify(m message) (*ModifyRequest, error) {
	r := &reader{rest: m.body}
	request := &ModifyRequest{DN: r.text(), Controls: m.controls}
	for changes := r.inside(tagSequence); ; {
		if !changes.more() {
			return request, changes.err
		}
		one := changes.inside(tagSequence)
		change := Change{Operation: ChangeOperation(one.number(tagEnumerated, int(changeOperations)-1))}
		change.Attribute = decodeAttribute(one)
		if one.err != nil {
			return nil, one.err
		}
		request.Changes = append(request.Changes, change)
	}
}

func decodeAdd(m message) (*AddRequest, error) {
	r := &reader{rest: m.body}
	request := &AddRequest{DN: r.text(), Controls: m.controls}
	for attributes := r.inside(tagSequence); ; {
		if !attributes.more() {
			return request, attributes.err
		}
		request.Attributes = append(request.Attributes, decodeAttribute(attributes))
	}
}

// decodeAttribute reads an attribute with values and leaves its error with the
// reader around it.
func decodeAttribute(outer *reader) Attribute {
	r := outer.inside(tagSequence)
	attribute := Attribute{Name: r.text()}
	if attribute.Name == "" {
		r.fail("no attribute")
	}
	values := r.inside(tagSet)
	for values.more() {
		attribute.Values = append(attribute.Values, values.text())
	}
	if outer.err == nil {
		outer.err = values.err
	}
	return attribute
}

func decodeRename(m message) (*RenameRequest, error) {
	r := &reader{rest: m.body}
	request := &RenameRequest{DN: r.text(), NewRDN: r.text(), DeleteOldRDN: r.boolean(tagBoolean), Controls: m.controls}
	var superior []byte
	superior, request.Moves = r.optional(classContext)
	request.NewSuperior = string(superior)
	return request, r.err
}

func decodeExtended(m message) (*ExtendedRequest, error) {
	r := &reader{rest: m.body}
	request := &ExtendedRequest{Name: string(r.take(classContext)), Controls: m.controls}
	var value []byte
	value, request.HasValue = r.optional(classContext | 1)
	request.Value = string(value)
	return request, r.err
}

// decodeAbandon returns the number of the operation to give up.
func decodeAbandon(m message) (int, bool) { return integer(m.body) }
