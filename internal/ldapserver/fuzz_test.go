package ldapserver

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// seeds are whole messages as clients send them.
func seeds() [][]byte {
	wrap := func(tag byte, parts ...[]byte) []byte {
		return appendElement(nil, tagSequence, appendNumber(nil, tagInteger, 7), appendElement(nil, tag, parts...))
	}
	text := func(s string) []byte { return appendText(nil, tagOctetString, s) }
	equal := appendElement(nil, classContext|constructed|3, text("uid"), text("alice"))
	parts := appendElement(nil, classContext|constructed|4, text("cn"), appendElement(nil, tagSequence, appendText(nil, classContext, "a"), appendText(nil, classContext|1, "b"), appendText(nil, classContext|2, "c")))
	filter := appendElement(nil, classContext|constructed, equal, parts, appendElement(nil, classContext|constructed|2, appendText(nil, classContext|7, "objectClass")))
	search := [][]byte{
		text("dc=example"), appendNumber(nil, tagEnumerated, 2), appendNumber(nil, tagEnumerated, 0), appendNumber(nil, tagInteger, 10),
		appendNumber(nil, tagInteger, 0), appendBoolean(nil, tagBoolean, false), filter, appendElement(nil, tagSequence, text("*"), text("+")),
	}
	attribute := appendElement(nil, tagSequence, text("mail"), appendElement(nil, tagSet, text("a@example.test")))
	change := appendElement(nil, tagSequence, appendNumber(nil, tagEnumerated, 2), attribute)
	modify := appendElement(nil, tagSequence, appendText(nil, classContext, "uid=alice"), appendText(nil, classContext|2, "secret"))
	return [][]byte{
		wrap(classApplication|constructed, appendNumber(nil, tagInteger, 3), text("cn=x"), appendText(nil, classContext, "secret")),
		wrap(classApplication | byte(KindUnbind)),
		wrap(classApplication|constructed|byte(KindSearch), search...),
		wrap(classApplication|constructed|byte(KindModify), text("uid=alice"), appendElement(nil, tagSequence, change)),
		wrap(classApplication|constructed|byte(KindAdd), text("uid=alice"), appendElement(nil, tagSequence, attribute)),
		wrap(classApplication|byte(KindDelete), []byte("uid=alice")),
		wrap(classApplication|constructed|byte(KindRename), text("uid=alice"), text("uid=bob"), appendBoolean(nil, tagBoolean, true), appendText(nil, classContext, "dc=example")),
		wrap(classApplication|constructed|byte(KindCompare), text("uid=alice"), appendElement(nil, tagSequence, text("cn"), text("x"))),
		wrap(classApplication|byte(KindAbandon), []byte{5}),
		wrap(classApplication|constructed|byte(KindExtended), appendText(nil, classContext, OIDPasswordModify), appendText(nil, classContext|1, string(modify))),
		encodeMessage(9, appendElement(nil, classApplication|constructed|byte(KindSearch), search...), []Control{
			{OID: OIDAssertion, Critical: true, Value: string(filter), HasValue: true}, Page{Size: 3}.Control(), {OID: OIDPolicy},
		}),
	}
}

// FuzzMessage reads any bytes as every kind of request. What another
// implementation of BER reads too, both read alike.
func FuzzMessage(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 4096
		content, err := readSequence(bufio.NewReader(bytes.NewReader(raw)), limit)
		if err != nil {
			return
		}
		if len(content) > limit {
			t.Fatalf("%d bytes were read", len(content))
		}
		m, err, controlsErr := decodeMessage(content)
		if err != nil {
			return
		}
		if packet, err := ber.DecodePacketErr(raw); err == nil {
			id, _ := packet.Children[0].Value.(int64)
			if int(id) != m.id || packet.Children[1].Tag != ber.Tag(m.kind) {
				t.Errorf("read as number %d, kind %d; another reads %d, %d", m.id, m.kind, id, packet.Children[1].Tag)
			}
		} else if controlsErr == nil && len(m.controls) > maxControls {
			t.Errorf("%d controls", len(m.controls))
		}
		readAs(t, m)
	})
}

// readAs holds what the decoders return against what they promise.
func readAs(t *testing.T, m message) {
	t.Helper()
	if r, err := decodeSearch(m); err == nil {
		if r.Scope < 0 || r.Scope >= scopes || r.SizeLimit < 0 || r.TimeLimit < 0 {
			t.Errorf("search %+v", r)
		}
		soundFilter(t, &r.Filter, maxFilterDepth)
	}
	if r, err := decodeModify(m); err == nil {
		for _, change := range r.Changes {
			if change.Attribute.Name == "" || change.Operation < 0 || change.Operation >= changeOperations {
				t.Errorf("change %+v", change)
			}
		}
	}
	for _, err := range []error{second(decodeAdd(m)), second(decodeRename(m)), second(decodeCompare(m))} {
		if err != nil && !errors.Is(err, errMalformed) {
			t.Errorf("error %v", err)
		}
	}
	_, _, _, _ = decodeBind(m)
	_, _ = decodeAbandon(m)
	if r, err := decodeExtended(m); err == nil {
		_, _ = decodePasswordModify(r)
	}
	for _, control := range m.controls {
		_, _ = ParsePage(control)
		_, _ = ParseFilter(control.Value)
	}
}

func second[T any](_ T, err error) error { return err }

// soundFilter wants each node to have what its kind promises.
func soundFilter(t *testing.T, f *Filter, depth int) int {
	t.Helper()
	if depth == 0 {
		t.Fatal("a filter beyond its depth")
	}
	nodes := 1
	for i := range f.Parts {
		nodes += soundFilter(t, &f.Parts[i], depth-1)
	}
	switch f.Kind {
	case FilterAnd, FilterOr:
	case FilterNot:
		if len(f.Parts) != 1 {
			t.Errorf("not of %d", len(f.Parts))
		}
	case FilterSubstrings:
		if s := f.Substrings; s == nil || s.Initial == "" && s.Final == "" && len(s.Any) == 0 {
			t.Errorf("substrings %+v", f)
		}
	case FilterExtensible:
		if f.Attribute == "" && f.Rule == "" {
			t.Errorf("extensible %+v", f)
		}
	default:
		if f.Attribute == "" || f.Kind > FilterExtensible {
			t.Errorf("%+v", f)
		}
	}
	return nodes
}

func FuzzFilter(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(string(seed))
		if at := bytes.IndexByte(seed, classContext|constructed); at >= 0 {
			f.Add(string(seed[at:]))
		}
	}
	deep := appendText(nil, classContext|7, "uid")
	for range maxFilterDepth - 1 {
		deep = appendElement(nil, classContext|constructed|2, deep)
	}
	f.Add(string(deep))
	f.Add(string(appendElement(nil, classContext|constructed|2, deep)))
	f.Add(string(appendElement(nil, classContext|constructed|1, []byte(strings.Repeat("\x87\x01a", maxFilterNodes)))))
	f.Fuzz(func(t *testing.T, encoded string) {
		filter, err := ParseFilter(encoded)
		if err != nil {
			return
		}
		if nodes := soundFilter(t, &filter, maxFilterDepth); nodes > maxFilterNodes {
			t.Errorf("%d nodes", nodes)
		}
	})
}

// FuzzPasswordModifyValue reads what it understands in one way only.
func FuzzPasswordModifyValue(f *testing.F) {
	f.Add("")
	f.Add("\x30\x00")
	f.Add("\x30\x0f\x80\x03a=b\x81\x03old\x82\x03new")
	f.Add("\x30\x84\x00\x00\x00\x05\x82\x03new")
	f.Add("\x30\x05\x82\x03new\x00")
	f.Add("\x30\x0a\x82\x03new\x81\x03old")
	f.Fuzz(func(t *testing.T, value string) {
		r, err := decodePasswordModify(&ExtendedRequest{Value: value, HasValue: true})
		if err != nil {
			return
		}
		packet, err := ber.DecodePacketErr([]byte(value))
		if err != nil {
			return
		}
		got := map[ber.Tag]string{}
		for _, child := range packet.Children {
			got[child.Tag] = child.Data.String()
		}
		if got[0] != r.Identity || got[1] != r.Old.Reveal() || got[2] != r.New.Reveal() {
			t.Errorf("read %q differently from another reader", value)
		}
		if !r.HasNew && !r.New.IsZero() || !r.HasOld && !r.Old.IsZero() {
			t.Error("a password that is not there")
		}
	})
}

// FuzzPolicyControl writes controls that another implementation reads.
func FuzzPolicyControl(f *testing.F) {
	f.Add(0, false, 0, false, 0)
	f.Add(3, true, 86400, false, 0)
	f.Add(2, false, 0, true, 3)
	f.Add(10, true, 1<<31-1, true, 128)
	f.Fuzz(func(t *testing.T, policyError int, expiring bool, expiresIn int, grace bool, graceLeft int) {
		p := Policy{Error: PolicyError(policyError & 0xf), Expiring: expiring, ExpiresIn: expiresIn & (1<<31 - 1), Grace: grace, GraceLeft: graceLeft & (1<<31 - 1)}
		packet, err := ber.DecodePacketErr([]byte(p.Control().Value))
		if err != nil {
			t.Fatal(err)
		}
		children := packet.Children
		if p.Grace || p.Expiring {
			want, tag := p.GraceLeft, ber.Tag(1)
			if !p.Grace {
				want, tag = p.ExpiresIn, 0
			}
			warning := children[0].Children[0]
			if n, err := ber.ParseInt64(warning.Data.Bytes()); err != nil || int(n) != want || warning.Tag != tag {
				t.Errorf("warning %d, want %d", n, want)
			}
			children = children[1:]
		}
		if (p.Error != NoPolicyError) != (len(children) == 1) {
			t.Fatalf("%d parts left", len(children))
		}
		if len(children) == 1 && (children[0].Tag != 1 || int(children[0].Data.Bytes()[0]) != int(p.Error)-1) {
			t.Errorf("error %v, want %d", children[0].Data.Bytes(), p.Error-1)
		}
	})
}
