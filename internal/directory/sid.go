package directory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// sid is a security identifier ([MS-DTYP] 2.4.2).
type sid struct {
	authority uint64
	parts     []uint32
}

var errNotSID = errors.New("not a security identifier")

const (
	sidRevision = 1
	sidHeader   = 8
	maxSIDParts = 15
)

// parseSID reads the binary form: the authority is big-endian, all after it
// little-endian.
func parseSID(b string) (sid, error) {
	if len(b) < sidHeader || b[0] != sidRevision || b[1] == 0 || b[1] > maxSIDParts || len(b) != sidHeader+4*int(b[1]) {
		return sid{}, errNotSID
	}
	var s sid
	for _, octet := range []byte(b[2:sidHeader]) {
		s.authority = s.authority<<8 | uint64(octet)
	}
	for rest := []byte(b[sidHeader:]); len(rest) > 0; rest = rest[4:] {
		s.parts = append(s.parts, binary.LittleEndian.Uint32(rest))
	}
	return s, nil
}

// String returns the form S-1-5-21-….
func (s sid) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "S-%d-%d", sidRevision, s.authority)
	for _, part := range s.parts {
		fmt.Fprintf(&b, "-%d", part)
	}
	return b.String()
}

// rid is the last part, which tells accounts of one domain apart.
func (s sid) rid() uint32 {
	if len(s.parts) == 0 {
		return 0
	}
	return s.parts[len(s.parts)-1]
}

const (
	ntAuthority   = 5
	domainPart    = 21
	builtinPart   = 32
	domainLength  = 5 // 21, three numbers of the domain, and the RID
	builtinLength = 2
)

// inDomain: S-1-5-21-a-b-c-RID.
func (s sid) inDomain() bool {
	return s.authority == ntAuthority && len(s.parts) == domainLength && s.parts[0] == domainPart
}

// isBuiltin: S-1-5-32-RID.
func (s sid) isBuiltin() bool {
	return s.authority == ntAuthority && len(s.parts) == builtinLength && s.parts[0] == builtinPart
}

// sameDomain reports whether two are of one domain.
func (s sid) sameDomain(other sid) bool {
	return s.inDomain() && other.inDomain() && [3]uint32(s.parts[1:4]) == [3]uint32(other.parts[1:4])
}
