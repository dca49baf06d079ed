package memory

import (
	"slices"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/ldapserver"
)

// said is one request, written by another implementation of BER.
func said(id int, kind ldapserver.Kind, parts ...*ber.Packet) []byte {
	operation := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ber.Tag(kind), nil, "")
	for _, part := range parts {
		operation.AppendChild(part)
	}
	return message(id, operation)
}

func saidPlainly(id int, kind ldapserver.Kind, content string) []byte {
	return message(id, ber.NewString(ber.ClassApplication, ber.TypePrimitive, ber.Tag(kind), content, ""))
}

func message(id int, operation *ber.Packet) []byte {
	m := ber.NewSequence("")
	m.AppendChild(integer(ber.TagInteger, id))
	m.AppendChild(operation)
	return m.Bytes()
}

func integer(tag ber.Tag, n int) *ber.Packet {
	return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, tag, n, "")
}

func octetString(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}

func tagged(tag ber.Tag, text string) *ber.Packet {
	return ber.NewString(ber.ClassContext, ber.TypePrimitive, tag, text, "")
}

func yes(value bool) *ber.Packet {
	return ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, value, "")
}

func list(tag ber.Tag, parts ...*ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, tag, nil, "")
	for _, part := range parts {
		p.AppendChild(part)
	}
	return p
}

func rootBind() []byte {
	return said(1, ldapserver.KindBind, integer(ber.TagInteger, 3), octetString("cn=root"), tagged(0, "root"))
}

// conversations are requests of every kind, alone and after each other.
func conversations() [][]byte {
	const alice = "uid=alice,dc=example"
	attribute := func(name, value string) *ber.Packet {
		return list(ber.TagSequence, octetString(name), list(ber.TagSet, octetString(value)))
	}
	change := func(n int, name, value string) *ber.Packet {
		return list(ber.TagSequence, integer(ber.TagEnumerated, n), attribute(name, value))
	}
	password := list(ber.TagSequence, tagged(0, alice), tagged(2, "another secret"))
	search := said(2, ldapserver.KindSearch, octetString("dc=example"), integer(ber.TagEnumerated, 2), integer(ber.TagEnumerated, 0),
		integer(ber.TagInteger, 0), integer(ber.TagInteger, 0), yes(false), tagged(7, "uid"), list(ber.TagSequence, octetString("*"), octetString("+")))
	whoami := said(3, ldapserver.KindExtended, tagged(0, ldapserver.OIDWhoAmI))
	modify := said(4, ldapserver.KindModify, octetString(alice), list(ber.TagSequence, change(2, "userPassword", "a third secret"), change(0, "title", "x"), change(1, "cn", "Alice")))
	single := [][]byte{
		search, whoami, modify,
		said(5, ldapserver.KindExtended, tagged(0, ldapserver.OIDPasswordModify), tagged(1, string(password.Bytes()))),
		saidPlainly(6, ldapserver.KindDelete, alice),
		said(7, ldapserver.KindRename, octetString(alice), octetString("uid=bob"), yes(true)),
		said(8, ldapserver.KindCompare, octetString(alice), list(ber.TagSequence, octetString("cn"), octetString("Alice"))),
		said(9, ldapserver.KindExtended, tagged(0, ldapserver.OIDStartTLS)),
		said(10, ldapserver.KindAdd, octetString("uid=carol,dc=example"), list(ber.TagSequence, attribute("objectClass", "person"), attribute("userPassword", "secret"))),
		said(11, ldapserver.KindBind, integer(ber.TagInteger, 3), octetString(alice), tagged(0, "wrong")),
		saidPlainly(12, ldapserver.KindAbandon, "\x02"),
		saidPlainly(13, ldapserver.KindUnbind, ""),
		[]byte("GET / HTTP/1.1\r\n\r\n"),
		[]byte("\x30\x84\x7f\xff\xff\xff"),
	}
	return append(single, slices.Concat(single[:9]...), slices.Concat(modify, search, whoami))
}
