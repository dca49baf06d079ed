package contact

import (
	"regexp/syntax"
	"slices"
)

// automaton decides what a regular expression over digits matches, in one step a
// digit. The plans of countries are such expressions, and many; package regexp
// takes most of the time of a large synchronization for them.
type automaton struct {
	// next is the state after a digit; dead is the one that nothing leaves.
	next    [][10]uint16
	accepts []bool
}

const (
	dead = 0
	// mostStates bounds an automaton. The largest of the plans has some hundred.
	mostStates = 4096
)

// newAutomaton returns nil for an expression that looks at more than one digit
// after the other, or that would need too many states. A loose one takes the end
// of the text to be anywhere, and so matches at least what the expression does.
func newAutomaton(expression string, loose bool) *automaton {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	b := builder{program: program, loose: loose, known: make(map[string]uint16), automaton: &automaton{}}
	b.state(nil)
	if b.state([]uint32{uint32(program.Start)}); b.failed {
		return nil
	}
	// States are found while those before them are worked out.
	for n := 0; n < len(b.sets); n++ {
		for digit := range 10 {
			state := b.state(b.after(b.sets[n], rune('0'+digit)))
			if b.failed {
				return nil
			}
			b.automaton.next[n][digit] = state
		}
	}
	return b.automaton
}

// builder makes states of sets of instructions.
type builder struct {
	*automaton

	program *syntax.Prog
	loose   bool
	known   map[string]uint16
	sets    [][]uint32
	failed  bool
}

// state returns the state for what is reached from instructions.
func (b *builder) state(from []uint32) uint16 {
	var reached []uint32
	for _, at := range from {
		reached = b.follow(reached, at)
	}
	slices.Sort(reached)
	name := make([]byte, 0, 4*len(reached))
	accepts := false
	for _, at := range reached {
		name = append(name, byte(at), byte(at>>8), byte(at>>16), byte(at>>24))
		accepts = accepts || b.program.Inst[at].Op == syntax.InstMatch
	}
	if state, ok := b.known[string(name)]; ok {
		return state
	}
	if len(b.sets) == mostStates {
		b.failed = true
		return dead
	}
	state := uint16(len(b.sets))
	b.known[string(name)] = state
	b.sets, b.next, b.accepts = append(b.sets, reached), append(b.next, [10]uint16{}), append(b.accepts, accepts)
	return state
}

// follow adds what is reached from an instruction without a digit.
func (b *builder) follow(reached []uint32, at uint32) []uint32 {
	if slices.Contains(reached, at) {
		return reached
	}
	reached = append(reached, at)
	switch one := &b.program.Inst[at]; one.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return b.follow(b.follow(reached, one.Out), one.Arg)
	case syntax.InstCapture, syntax.InstNop:
		return b.follow(reached, one.Out)
	case syntax.InstEmptyWidth:
		if b.loose && syntax.EmptyOp(one.Arg) == syntax.EmptyEndText {
			return b.follow(reached, one.Out)
		}
		b.failed = true
	}
	return reached
}

// after are the instructions behind those that take a digit.
func (b *builder) after(set []uint32, digit rune) []uint32 {
	var out []uint32
	for _, at := range set {
		switch one := &b.program.Inst[at]; one.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if one.MatchRune(digit) {
				out = append(out, one.Out)
			}
		}
	}
	return out
}

const begin = 1

// matches reports whether the expression matches all the digits.
func (a *automaton) matches(digits string) bool {
	state := uint16(begin)
	for i := 0; i < len(digits) && state != dead; i++ {
		state = a.next[state][digits[i]-'0']
	}
	return a.accepts[state]
}

// begins reports whether the expression matches the digits from the first to any.
func (a *automaton) begins(digits string) bool {
	state := uint16(begin)
	for i := 0; ; i++ {
		if a.accepts[state] {
			return true
		}
		if i == len(digits) || state == dead {
			return false
		}
		state = a.next[state][digits[i]-'0']
	}
}
