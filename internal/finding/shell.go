package finding

import (
	"fmt"
	"strings"
	"time"
)

// Quote makes a text one word of a POSIX shell.
func Quote(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Here returns a command that reads lines which the shell leaves alone. No line
// may be EOF.
func Here(command, lines string) string {
	return command + " <<'EOF'\n" + strings.TrimSuffix(lines, "\n") + "\nEOF"
}

// The clock of a server may differ from ours by so much.
const (
	skewNotice = 10 * time.Second
	skewLimit  = 5 * time.Minute
)

// Clock notes how far a server's clock is from ours. resolution is how exactly
// the server tells.
func (s *Sheet) Clock(check string, theirs, ours time.Time, resolution time.Duration) {
	skew := theirs.Sub(ours)
	text := fmt.Sprintf("%s from this machine's", skew.Abs().Round(max(resolution, time.Millisecond)))
	const fix = "# on both machines; what is wrong is the one whose offset is large\ntimedatectl timesync-status || chronyc tracking"
	switch {
	case skew.Abs() > skewLimit:
		s.Fail(check, text, fix)
	case skew.Abs() > skewNotice:
		s.Warn(check, text, fix)
	default:
		s.Good(check, "%s", text)
	}
}
