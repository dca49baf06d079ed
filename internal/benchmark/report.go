package benchmark

import "time"

// Report is all that one run found.
type Report struct {
	At      time.Time `json:"at"`
	Machine Machine   `json:"machine"`
	// Raised is what the configuration changes from the defaults.
	Raised []string `json:"raised"`
	// Slice is how long the load of one slice lasts in seconds; each row has as
	// many slices of each side as there are rounds.
	Slice  float64 `json:"slice_seconds"`
	Rounds int     `json:"rounds"`
	Start  Start   `json:"start"`
	Rows   []Row   `json:"rows"`
	// Profiled tells that the profiler ran, which costs some of what is told.
	Profiled bool `json:"profiled,omitempty"`
}

// Start is what a server costs before its first request.
type Start struct {
	// Ready are the times from the start of the process to the first positive
	// answer of /readyz.
	Ready  []float64 `json:"ready_ms"`
	Median float64   `json:"median_ms"`
	// IdleMiB is the resident memory of a server that has served nothing.
	IdleMiB float64 `json:"idle_mib"`
}

// Row is one scheme of passwords, one number of gates and one number of resets
// in parallel.
type Row struct {
	Scheme   string `json:"scheme"`
	Gates    int    `json:"gates"`
	Parallel int    `json:"parallel"`
	// Raw is the bare operation, Reset the complete reset.
	Raw   Side `json:"raw"`
	Reset Side `json:"reset"`
	// Ratio is the rate of resets by the rate of bare operations; Ratios are
	// those of the single rounds.
	Ratio  float64   `json:"ratio"`
	Ratios []float64 `json:"ratios"`
	// Steps are those of a reset, each request with its answer.
	Steps map[string]Spread `json:"steps"`
	Redis Redis             `json:"redis_per_reset"`
	// PeakMiB is the most resident memory that the server ever had.
	PeakMiB float64 `json:"peak_mib"`
	// Verified is how many people signed in with their last password.
	Verified int `json:"verified"`
}

// Side is one of the two that are compared.
type Side struct {
	Done      int     `json:"done"`
	PerSecond float64 `json:"per_second"`
	All       Spread  `json:"all"`
	CPU       CPU     `json:"cpu_ms"`
}

// CPU is the time of processors for one operation, in milliseconds.
type CPU struct {
	// Latchkey is the server's own.
	Latchkey  float64 `json:"latchkey"`
	Directory float64 `json:"directory"`
	Redis     float64 `json:"redis"`
	Generator float64 `json:"generator"`
}

// Redis is the work of Redis for one reset.
type Redis struct {
	// RoundTrips are reads of Redis from its sockets.
	RoundTrips float64 `json:"round_trips"`
	// Commands are those that came and those that scripts ran.
	Commands float64 `json:"commands"`
	Bytes    float64 `json:"bytes"`
	// ByName are the commands of at least one in ten resets.
	ByName map[string]float64 `json:"by_name"`
}

// Goals of `make bench`; what is missed is explained in docs/performance.md.
const (
	goalArgon2 = 0.9
	goalSSHA   = 0.6
	goal389    = 0.75 // at 8 and more in parallel
	goalCPU    = 0.8  // ms a reset
	goalIdle   = 40   // MiB
	goalReady  = 300  // ms
)
