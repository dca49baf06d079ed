package benchmark

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	// The name of a process may hold whatever it likes.
	const text = "42 (a) 9 (b) S 1 42 42 0 -1 4194304 100 0 0 0 250 130 7 9 20 0 8 0 1000 1 1 1\n"
	got, err := parseStat(text)
	if err != nil || got != 3800*time.Millisecond {
		t.Errorf("got %v, %v, want the 3.8 s of utime and stime", got, err)
	}
	for _, broken := range []string{"", "42 (a) S 1", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x 12 13 14"} {
		if _, err := parseStat(broken); err == nil {
			t.Errorf("%q is read without an error", broken)
		}
	}
}

func TestStatusMiB(t *testing.T) {
	const text = "Name:\tlatchkey\nVmHWM:\t   40960 kB\nVmRSS:\t   20480 kB\n"
	if got, err := statusMiB(text, "VmHWM"); err != nil || got != 40 {
		t.Errorf("VmHWM is %v, %v", got, err)
	}
	if _, err := statusMiB(text, "VmSwap"); err == nil {
		t.Error("a line that is not there is read without an error")
	}
}

// TestOwnProcess: the files of this system are in the form that is read.
func TestOwnProcess(t *testing.T) {
	cpu, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	own, err := ownCPU()
	if err != nil {
		t.Fatal(err)
	}
	if difference := own - cpu; difference < -time.Second || difference > time.Second {
		t.Errorf("/proc says %v, getrusage says %v", cpu, own)
	}
	now, peak, err := memory(os.Getpid())
	if err != nil || now <= 1 || peak < now {
		t.Errorf("memory: %v now, %v at most, %v", now, peak, err)
	}
}

const info = "# Stats\r\ntotal_commands_processed:9\r\ntotal_net_input_bytes:1000\r\ntotal_net_output_bytes:500\r\ntotal_reads_processed:30\r\n" +
	"# Commandstats\r\ncmdstat_get:calls=20,usec=7,usec_per_call=0.35\r\ncmdstat_config|get:calls=1,usec=1\r\ncmdstat_info:calls=5,usec=1\r\n"

func TestParseInfo(t *testing.T) {
	got, err := parseInfo(info)
	if err != nil {
		t.Fatal(err)
	}
	want := traffic{reads: 30, bytes: 1500, commands: map[string]int64{"get": 20, "config|get": 1, "info": 5}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(traffic{})); diff != "" {
		t.Error(diff)
	}
	for _, broken := range []string{"", "total_reads_processed:30\r\n", info + "cmdstat_set:calls=many\r\n"} {
		if _, err := parseInfo(broken); err == nil {
			t.Errorf("%q is read without an error", broken)
		}
	}
}

func TestTrafficSince(t *testing.T) {
	before := traffic{reads: 10, bytes: 100, commands: map[string]int64{"get": 5, "info": 1}}
	after := traffic{reads: 30, bytes: 150, commands: map[string]int64{"get": 25, "set": 4, "info": 2, "auth": 1}}
	sum := after.since(before)
	sum.add(sum)
	want := traffic{reads: 40, bytes: 100, commands: map[string]int64{"get": 40, "set": 8}}
	if diff := cmp.Diff(want, sum, cmp.AllowUnexported(traffic{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Redis{RoundTrips: 0.4, Commands: 0.48, Bytes: 1, ByName: map[string]float64{"get": 0.4}}, sum.each(100)); diff != "" {
		t.Error(diff)
	}
}
