package password

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A password is predictable when it is nothing but a few pieces that many people
// use: common words however they are disguised (P@ssw0rd), rows of digits,
// letters or keys, years, and a sign or two between. Only the whole is judged
// (NIST SP 800-63B-4 §3.1.1.2): a passphrase may hold such a piece. So the list
// of passwords that are refused is written as rules, and is far longer than a
// copied one.

// What the pieces of a password cost. What costs more than the limit in all has
// too many of them, or too much else in it, to be predictable.
const (
	costRow    = 1
	costSign   = 1 // a sign between pieces
	costWord   = 2
	costDigit  = 2 // one that belongs to no row and no year
	costLetter = 4 // one that belongs to no word
	costTooBig = 10
)

// shortestRow is the shortest row of digits or letters that counts as one piece,
// and shortestWalk that of keys.
const (
	shortestRow  = 3
	shortestWalk = 4
)

// predictable reports whether a password in the form of [fold] is made of common
// pieces and these words only. A password that is one block again and again is
// judged by the block.
func predictable(folded string, words ...string) bool {
	const longest = 512 // folding makes some characters many
	all := []rune(folded)
	if len(all) > longest {
		return false
	}
	bare := []rune(strings.TrimFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	tried := make([][]rune, 0, 4)
	for _, s := range [][]rune{all, bare, block(all), block(bare)} {
		if slices.ContainsFunc(tried, func(t []rune) bool { return slices.Equal(t, s) }) {
			continue
		}
		if covered(s, words) {
			return true
		}
		tried = append(tried, s)
	}
	return false
}

// block returns the shortest text whose repetition the whole is; the last
// repetition may be cut short.
func block(s []rune) []rune {
	for size := 1; size <= len(s)/2; size++ {
		if slices.Equal(s[size:], s[:len(s)-size]) {
			return s[:size]
		}
	}
	return s
}

// covered reports whether pieces of low cost, of which one is no mere filling,
// make up the whole.
func covered(s []rune, words []string) bool {
	// cheapest[n][1] is what the first n characters cost, with a piece among
	// them; [0] without one.
	cheapest := make([][2]int, len(s)+1)
	for i := range cheapest {
		cheapest[i] = [2]int{costTooBig, costTooBig}
	}
	cheapest[0][0] = 0
	for i := range s {
		for had, cost := range cheapest[i] {
			if cost >= costTooBig {
				continue
			}
			reach := func(length, price, has int) {
				at := &cheapest[i+length][has]
				*at = min(*at, cost+price)
			}
			reach(1, alone(s[i]), had)
			longest := max(row(s[i:]), walk(s[i:]))
			for length := shortestRow; length <= longest; length++ {
				reach(length, costRow, 1)
			}
			if year(s[i:]) {
				reach(4, costRow, 1)
			}
			for _, list := range [][]string{commonWords(), words} {
				for _, word := range list {
					if n := disguised(s[i:], word); n > 0 {
						reach(n, costWord, 1)
					}
				}
			}
		}
	}
	return cheapest[len(s)][1] < costTooBig
}

// alone is what a character costs that belongs to no piece.
func alone(r rune) int {
	switch {
	case unicode.IsLetter(r):
		return costLetter
	case unicode.IsDigit(r):
		return costDigit
	}
	return costSign
}

// row is the length of the row that a text begins with: one character again and
// again, or digits or letters up or down; 0 for less than [shortestRow].
func row(s []rune) int {
	if len(s) < shortestRow || s[0] == ' ' {
		return 0
	}
	step, length := next(s[0], s[1]), 2
	if step == noStep {
		return 0
	}
	for length < len(s) && next(s[length-1], s[length]) == step {
		length++
	}
	if length < shortestRow {
		return 0
	}
	return length
}

// noStep is between characters that do not follow each other.
const noStep = 2

// next is how one character follows another: 0 for the same, 1 up, -1 down.
func next(a, b rune) int {
	switch {
	case a == b:
		return 0
	case !unicode.IsDigit(a) && !unicode.IsLetter(a), !unicode.IsDigit(b) && !unicode.IsLetter(b):
		return noStep
	case b-a == 1, a == '9' && b == '0':
		return 1
	case b-a == -1, a == '0' && b == '9':
		return -1
	}
	return noStep
}

// walk is the length of the walk over a keyboard that a text begins with, either
// way; 0 for less than [shortestWalk].
func walk(s []rune) int {
	longest := 0
	for _, way := range keyboardWays() {
		keys := []rune(way)
		for _, direction := range []int{1, -1} {
			for start := range keys {
				n := 0
				for at := start; n < len(s) && at >= 0 && at < len(keys) && keys[at] == s[n]; at += direction {
					n++
				}
				longest = max(longest, n)
			}
		}
	}
	if longest < shortestWalk {
		return 0
	}
	return longest
}

// year reports whether a text begins with a year of the last or this century.
func year(s []rune) bool {
	if len(s) < 4 {
		return false
	}
	century := string(s[:2])
	return (century == "19" || century == "20") && unicode.IsDigit(s[2]) && unicode.IsDigit(s[3])
}

// disguised is how much of a text is a word, with signs and digits for letters
// that look alike; 0 where it does not begin with the word.
func disguised(s []rune, word string) int {
	n := 0
	for _, letter := range word {
		if n >= len(s) || s[n] != letter && !looksLike(s[n], letter) {
			return 0
		}
		n++
	}
	return n
}

// looksLike reports whether people write a sign or digit for a letter.
func looksLike(sign, letter rune) bool {
	switch letter {
	case 'a':
		return sign == '4' || sign == '@'
	case 'b':
		return sign == '8'
	case 'e':
		return sign == '3' || sign == '€'
	case 'g':
		return sign == '9' || sign == '6'
	case 'i', 'l':
		return sign == '1' || sign == '!' || sign == '|'
	case 'o':
		return sign == '0'
	case 's':
		return sign == '5' || sign == '$'
	case 't':
		return sign == '7' || sign == '+'
	case 'z':
		return sign == '2'
	}
	return false
}

// parts are the words of a name, and the name without what is between them.
func parts(name string) []string {
	words := strings.FieldsFunc(fold(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = append(words, strings.Join(words, ""))
	return slices.DeleteFunc(words, func(word string) bool { return utf8.RuneCountInString(word) < shortestPart })
}

// shortestPart is the shortest login or part of a name that counts as a piece.
const shortestPart = 2
