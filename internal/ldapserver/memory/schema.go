package memory

import (
	"strconv"
	"strings"
)

// The attributes that the rules of this package look at.
const (
	objectClass  = "objectClass"
	userPassword = "userPassword"
	memberOf     = "memberOf"
	subschemaDN  = "cn=Subschema"
)

// isKept reports whether only the directory itself writes an attribute.
func isKept(key string) bool {
	switch key {
	case "structuralobjectclass", "entryuuid", "creatorsname", "createtimestamp", "entrycsn", "modifiersname", "modifytimestamp",
		"entrydn", "subschemasubentry", "hassubordinates", "memberof", "pwdchangedtime", "pwdfailuretime", "pwdhistory", "pwdgraceusetime":
		return true
	}
	return false
}

// isSingle reports whether an attribute has one value at most.
func isSingle(key string) bool {
	switch key {
	case "displayname", "employeenumber", "preferredlanguage", "c", "dc", "uidnumber", "gidnumber", "homedirectory", "loginshell", "gecos",
		"shadowexpire", "shadowlastchange", "shadowmax", "shadowmin", "shadowwarning", "shadowinactive", "shadowflag",
		"pwdreset", "pwdaccountlockedtime", "pwdpolicysubentry", "pwdstarttime", "pwdendtime":
		return true
	}
	return isKept(key) && key != "memberof" && key != "pwdfailuretime" && key != "pwdhistory" && key != "pwdgraceusetime"
}

// syntax is how the values of an attribute are compared.
type syntax int

const (
	caseIgnore syntax = iota
	octets
	distinguishedName
	timeStamp
	number
	class
)

func syntaxOf(key string) syntax {
	switch key {
	case "userpassword", "pwdhistory", "jpegphoto", "usercertificate", "homedirectory", "loginshell", "memberuid":
		return octets
	case "member", "uniquemember", "owner", "seealso", "manager", "secretary", "roleoccupant", "memberof", "pwdpolicysubentry",
		"creatorsname", "modifiersname", "entrydn", "subschemasubentry":
		return distinguishedName
	case "pwdchangedtime", "pwdaccountlockedtime", "pwdfailuretime", "pwdgraceusetime", "pwdstarttime", "pwdendtime",
		"createtimestamp", "modifytimestamp":
		return timeStamp
	case "uidnumber", "gidnumber", "shadowexpire", "shadowlastchange", "shadowmax", "shadowmin", "shadowwarning", "shadowinactive", "shadowflag",
		"pwdminage", "pwdmaxage", "pwdinhistory", "pwdcheckquality", "pwdminlength", "pwdmaxlength", "pwdexpirewarning", "pwdgraceauthnlimit",
		"pwdlockoutduration", "pwdmaxfailure", "pwdfailurecountinterval":
		return number
	case "objectclass", "structuralobjectclass":
		return class
	}
	return caseIgnore
}

// fold is the form of a text for comparing without case (RFC 4518, for the
// part of it that occurs). Spaces alone are one space.
func fold(text string) string {
	if isFolded(text) {
		return text
	}
	folded := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	if folded == "" && text != "" {
		return " "
	}
	return folded
}

// isFolded spares most values the work.
func isFolded(text string) bool {
	before := byte(' ')
	for i := range len(text) {
		c := text[i]
		if c >= 0x7f || c < ' ' || c >= 'A' && c <= 'Z' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return before != ' ' || text == ""
}

// normal returns the form in which equal values are equal texts, and false
// where the value is not one of the syntax.
func (s syntax) normal(value string) (string, bool) {
	switch s {
	case octets:
		return value, true
	case distinguishedName:
		n, err := parseName(value)
		return n.key, err == nil
	case timeStamp:
		t, ok := parseTime(value)
		if !ok {
			// The lock for good has the year 0.
			return value, strings.HasPrefix(value, "0000")
		}
		return t.UTC().Format("20060102150405.000000000"), true
	case number:
		n, err := strconv.ParseInt(value, 10, 64)
		return value, err == nil && strconv.FormatInt(n, 10) == value
	}
	return fold(value), true
}

func (s syntax) equal(a, b string) bool {
	left, leftOK := s.normal(a)
	right, rightOK := s.normal(b)
	return leftOK && rightOK && left == right || a == b
}

// superior returns the object class above one (RFC 4519, RFC 2798, RFC 2307).
func superior(lower string) string {
	switch lower {
	case "inetorgperson":
		return "organizationalPerson"
	case "organizationalperson", "residentialperson":
		return "person"
	case "top", "":
		return ""
	}
	return "top"
}

// descends reports whether an object class is another or below it.
func descends(value, wanted string) bool {
	for ; value != ""; value = superior(strings.ToLower(value)) {
		if strings.EqualFold(value, wanted) {
			return true
		}
	}
	return false
}

// structuralClass guesses which of the classes is the structural one: that of
// the longest chain.
func structuralClass(classes []string) string {
	best, longest := "", -1
	for _, c := range classes {
		length := 0
		for above := superior(strings.ToLower(c)); above != ""; above = superior(strings.ToLower(above)) {
			length++
		}
		if length > longest && !isAuxiliary(c) {
			best, longest = c, length
		}
	}
	return best
}

func isAuxiliary(c string) bool {
	switch strings.ToLower(c) {
	case "dcobject", "uidobject", "shadowaccount", "posixaccount", "simplesecurityobject", "pwdpolicy", "pwdpolicychecker", "extensibleobject", "top":
		return true
	}
	return false
}
