package benchmark

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of the times in /proc/PID/stat, the same on all
// Linux machines that Go runs on (USER_HZ).
const ticksPerSecond = 100

// cpuTime is the time of processors that a process has used, its own and the
// kernel's for it.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// parseStat reads utime and stime, fields 14 and 15 of proc(5); the second one,
// the name, may hold blanks and parentheses.
func parseStat(text string) (time.Duration, error) {
	_, rest, _ := cutLast(text, ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("the statistics of a process are not in the form of proc(5): %q", text)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// memory is what a process holds now, and the most that it ever held, in MiB.
func memory(pid int) (now, peak float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = statusMiB(string(text), "VmRSS"); err != nil {
		return 0, 0, err
	}
	peak, err = statusMiB(string(text), "VmHWM")
	return now, peak, err
}

// statusMiB reads one line "NAME: n kB" of /proc/PID/status.
func statusMiB(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		kB, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		return kB / 1024, err
	}
	return 0, fmt.Errorf("the status of a process has no %s", name)
}

// ownCPU is the time of processors that this process has used.
func ownCPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
