package password

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func rules() *Rules {
	return New(Config{MinLength: 8, MaxLength: 256}, "Reset at Contoso", "Latchkey")
}

// TestS23_Blocklist: what is guessed first is refused with its reason, and what
// only holds a common piece is not.
func TestS23_Blocklist(t *testing.T) {
	for candidate, want := range map[string]string{
		"Password123456789": TooCommon, "P@ssw0rd2026!!": TooCommon, "passwordpassword": TooCommon, "Summer2026Summer2026!": TooCommon,
		"qwertyuiopasdfghjkl": TooCommon, "1qaz2wsx3edc4rfv": TooCommon, "poiuytrewq": TooCommon, "12345678901234567890": TooCommon,
		"aaaaaaaaaaaaaaaa": TooCommon, "!!!!!!!!!!!!!!!!": TooCommon, "ILoveYou1234!": TooCommon, "abcdefghijklmnop": TooCommon,
		"Winter2025/2026": TooCommon, "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff441234": TooCommon, "Passwort!2026": TooCommon,
		"bobbobbobbobbob": ContainsLogin, "Bob1234567890": ContainsLogin, "b0b-password-2026": ContainsLogin,
		"Contoso2026!": ContainsContext, "C0nt0so12345678": ContainsContext, "latchkey-bob-1234": ContainsContext, "Latchkey!Latchkey!": ContainsContext,

		"correct horse battery": "", "dragon monkey football sunshine": "", "my password is quite long": "", "Contoso sells purple umbrellas": "",
		"7h&kP2!vQx9z": "", "unser Hund bellt 1234": "", "bob the builder can fix it": "", "tqzvkmwx": "", "summer rain on tin": "",
	} {
		got := rules().Check(candidate, "bob")
		if want == "" && got != nil || want != "" && !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %v, want %q", candidate, got, want)
		}
	}
}

// TestS23_Variants: the rules stand for a list that is far longer than the 3,000
// of ASVS 6.2.4.
func TestS23_Variants(t *testing.T) {
	refused := 0
	for _, word := range commonWords() {
		title := strings.ToUpper(word[:1]) + word[1:]
		for _, form := range []string{word, title, strings.ToUpper(word), strings.NewReplacer("a", "@", "e", "3", "o", "0", "s", "$").Replace(word)} {
			for _, end := range []string{"1", "12", "123", "1234", "12345", "123456", "!", "1!", "123!", "2024", "2025", "2026", "2026!", word} {
				if !predictable(fold(form + end)) {
					t.Errorf("%q is not refused", form+end)
				}
				refused++
			}
		}
	}
	if refused < 3000 {
		t.Errorf("only %d variants", refused)
	}
}

// TestJudgingIsQuick: no candidate costs more than a blink.
func TestJudgingIsQuick(t *testing.T) {
	begun := time.Now()
	for _, piece := range []string{"pa", "123 ", "qwert", "1q2w", "\U0001F600"} {
		rules().Check(strings.Repeat(piece, 256)[:256], strings.Repeat("login.", 40))
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("five candidates took %v", took)
	}
}

// TestS23_FileOfTheOperator: one password a line, compared whole and folded; it is
// read again, and a file that is broken changes nothing.
func TestS23_FileOfTheOperator(t *testing.T) {
	file := filepath.Join(t.TempDir(), "blocklist")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("tqzvkmwx\r\nTQZVKMWX\nshort\n\nGr\u00fcner Baum 7\n" + strings.Repeat("x", 200_000) + "\nlast vkmz one")
	r := New(Config{MinLength: 8, MaxLength: 256, BlocklistFile: file})
	if r.Check("tqzvkmwx", "bob") != nil {
		t.Error("the list is there before it is read")
	}
	if n, err := r.Load(); n != 3 || err != nil {
		t.Errorf("%d passwords, %v", n, err)
	}
	for candidate, listed := range map[string]bool{
		"tqzvkmwx": true, "TqzvKmwx": true, "gru\u0308ner BAUM 7": true, "last vkmz one": true, "tqzvkmwx1": false, "a tqzvkmwx": false, "tqzvkmw": false,
	} {
		got := slices.Contains(r.Check(candidate, "bob"), TooCommon)
		if got != listed {
			t.Errorf("%q: listed %v", candidate, got)
		}
	}
	write("tqzvkmwy\nnot \xff text")
	if _, err := r.Load(); err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "tqz") {
		t.Errorf("%v", err)
	}
	if r.Check("tqzvkmwx", "bob") == nil {
		t.Error("a broken file took the list away")
	}
	write("tqzvkmwy\n")
	if _, err := r.Load(); err != nil || r.Check("tqzvkmwx", "bob") != nil || r.Check("tqzvkmwy", "bob") == nil {
		t.Errorf("the new list is not in use: %v", err)
	}
}

// TestALongBlocklist: very many passwords take eight bytes each.
func TestALongBlocklist(t *testing.T) {
	file := filepath.Join(t.TempDir(), "blocklist")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	const lines = 100_000
	for i := range lines {
		fmt.Fprintf(f, "tq%dzvkm\n", i)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := readBlocklist(file, 8)
	if err != nil || len(list.hashes) != lines-10 || cap(list.hashes) > lines {
		t.Fatalf("%v", err)
	}
	if !list.has("tq99999zvkm") || list.has("tq100000zvkm") {
		t.Error("the list is not what was written")
	}
}
