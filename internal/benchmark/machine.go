package benchmark

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Machine is what was measured on.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	Slapd      string `json:"slapd"`
	DS389      string `json:"ds389"`
	Samba      string `json:"samba"`
	Redis      string `json:"redis"`
	// Load is the load average of the last minute before the run: what others
	// did on the machine.
	Load string `json:"load_before"`
	// Sync is how long the disk takes for a write of 4 KiB that lasts.
	Sync Spread `json:"fsync"`
}

func describeMachine(ctx context.Context, dir string) (Machine, error) {
	m := Machine{
		Processor: match(readText("/proc/cpuinfo"), `(?m)^model name\s*: (.*)$`), Processors: runtime.NumCPU(),
		Kernel: strings.TrimSpace(readText("/proc/sys/kernel/osrelease")), Go: runtime.Version(),
		Slapd: match(version(ctx, "slapd", "-VV"), `slapd ([^\s]+)`),
		DS389: match(version(ctx, "ns-slapd", "-v"), `389-Directory/([^\s]+)`),
		Samba: match(version(ctx, "samba", "--version"), `Version ([^\s]+)`),
		Redis: match(version(ctx, "redis-server", "--version"), `v=([^\s]+)`),
	}
	m.Load, _, _ = strings.Cut(readText("/proc/loadavg"), " ")
	var err error
	m.Sync, err = syncTime(filepath.Join(dir, "sync"))
	return m, err
}

func readText(path string) string {
	text, _ := os.ReadFile(path) // what cannot be told is left out
	return string(text)
}

// match returns the first group of a pattern in a text.
func match(text, pattern string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return "unknown"
	}
	return found[1]
}

// version runs a server that only tells its version. Debian keeps some where
// PATH may not look.
func version(ctx context.Context, program, flag string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		path = filepath.Join("/usr/sbin", program)
	}
	said, _ := exec.CommandContext(ctx, path, flag).CombinedOutput() // slapd ends with 1
	return string(said)
}

// syncTime writes and syncs a file in the same place as the servers do.
func syncTime(path string) (Spread, error) {
	f, err := os.Create(path)
	if err != nil {
		return Spread{}, err
	}
	defer f.Close()
	const writes = 200
	samples := make([]time.Duration, 0, writes)
	block := make([]byte, 4096)
	for range writes {
		begun := time.Now()
		if _, err := f.Write(block); err != nil {
			return Spread{}, err
		}
		if err := f.Sync(); err != nil {
			return Spread{}, err
		}
		samples = append(samples, time.Since(begun))
	}
	return spreadOf(samples), nil
}
