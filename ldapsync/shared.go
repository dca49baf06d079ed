package ldapsync

import (
	"hash/maphash"

	"latchkey/internal/contact"
)

// Shared is what several people have in common (SECURITY: S50), as far as the last
// whole pass told: contacts of several people, those people, and contacts of more
// than five.
type Shared struct {
	Contacts int `json:"contacts"`
	People   int `json:"people"`
	Widely   int `json:"widely"`
}

const (
	// filterBits make a filter of 8 MB: of a million put into it some two, and of
	// four million some 2,000, are taken for known although they are not.
	filterBits  = 1 << 26
	filterTries = 4
	// maxShared is how many shared contacts are counted.
	maxShared = 100_000
)

// filter knows what was put into it, and takes little else for it (Bloom, 1970).
type filter []uint64

func newFilter() filter { return make(filter, filterBits/64) }

// put reports whether something was there already.
func (f filter) put(hash uint64) bool {
	there := true
	step := hash>>32 | 1
	for range filterTries {
		at := hash % filterBits
		word, bit := &f[at/64], uint64(1)<<(at%64)
		there = there && *word&bit != 0
		*word |= bit
		hash += step
	}
	return there
}

// sharing counts, in memory that does not grow with the directory, the holders of
// each contact that has more than one.
type sharing struct {
	seed    maphash.Seed
	singles filter
	holders map[uint64]int
}

func newSharing() *sharing {
	return &sharing{seed: maphash.MakeSeed(), singles: newFilter(), holders: make(map[uint64]int)}
}

// add takes the contacts of one more person, each of whom comes once.
func (s *sharing) add(values []contact.Address) {
	for _, v := range values {
		one := maphash.String(s.seed, string(v.Kind)+" "+v.Value)
		if !s.singles.put(one) {
			continue
		}
		if n, known := s.holders[one]; known {
			s.holders[one] = n + 1
		} else if len(s.holders) < maxShared {
			s.holders[one] = 2
		}
	}
}

func (s *sharing) count() Shared {
	all := Shared{Contacts: len(s.holders)}
	for _, people := range s.holders {
		all.People += people
		if people > many {
			all.Widely++
		}
	}
	return all
}
