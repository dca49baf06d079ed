package blackbox

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needed is what of the repository the demonstration is built from.
var needed = []string{"Makefile", "go.mod", "go.sum", "cmd", "config", "internal", "ldapsync", "resetapi"}

// enter runs a command in a root, with what is mounted there: pairs of a place
// outside and one inside. The mounts end with the command.
const enter = `root=$1; shift
while [ "$1" != -- ]; do mount --rbind "$1" "$root$2"; shift 2; done
shift; exec chroot "$root" "$@"`

// TestRunNeedsGoAndMakeOnly: in a root that holds Go, make and the shell that make
// calls, and nothing else, `make run` ends at a working page. Modules come from
// the cache, nothing from the network.
func TestRunNeedsGoAndMakeOnly(t *testing.T) {
	if !soaking() {
		t.Skip("builds everything once more, without C; make soak runs it")
	}
	if err := exec.Command("unshare", "--map-root-user", "--mount", "true").Run(); err != nil {
		t.Skipf("needs a mount namespace of its own: %v", err)
	}
	root := bareRoot(t)
	wizard, inbox := freeAddress(t), freeAddress(t)
	args := []string{"--map-root-user", "--mount", "sh", "-c", enter, "sh", root}
	for inside, variable := range map[string]string{"/usr/local/go": "GOROOT", "/mod": "GOMODCACHE", "/cache": "GOCACHE"} {
		args = append(args, strings.TrimSpace(command(t, "go", "env", variable)), inside)
	}
	args = append(args, "/dev", "/dev", "/proc", "/proc", "--", "/bin/make", "-C", "/src", "run", "DEMO=-addr "+wizard+" -inbox-addr "+inbox)
	out := &logBuffer{changed: make(chan struct{})}
	run := exec.Command("unshare", args...)
	run.Stdout, run.Stderr = out, out
	run.Env = []string{
		// mount and chroot are outside of the root.
		"PATH=/usr/local/go/bin:/bin:/sbin", "HOME=/home", "GOMODCACHE=/mod", "GOCACHE=/cache", "GOPROXY=off", "GOTOOLCHAIN=local", "GOFLAGS=" + os.Getenv("GOFLAGS"),
	}
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	t.Cleanup(func() { _ = syscall.Kill(-run.Process.Pid, syscall.SIGKILL) })
	late := time.After(20 * time.Minute)
	for {
		if page, err := get("http://" + wizard); err == nil {
			if !strings.Contains(page, "Forgot your password?") {
				t.Errorf("the first page is\n%s", page)
			}
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("make run ended: %v\n%s", err, out)
		case <-late:
			t.Fatalf("no page:\n%s", out)
		case <-time.After(100 * time.Millisecond):
		}
	}
	if page, err := get("http://" + inbox); err != nil || !strings.Contains(page, "This is a demonstration") {
		t.Errorf("the inbox: %v\n%s", err, page)
	}
	_ = syscall.Kill(-run.Process.Pid, syscall.SIGINT)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Errorf("make run does not end:\n%s", out)
	}
	if left, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
}

// bareRoot makes a root with make, a shell, what these two load, and the source.
func bareRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"bin", "dev", "proc", "home", "tmp", "mod", "cache", "src", "usr/local/go"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"sh", "make"} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		place(t, path, filepath.Join(root, "bin", program))
		for _, library := range regexp.MustCompile(`/\S+`).FindAllString(command(t, "ldd", path), -1) {
			place(t, library, filepath.Join(root, library))
		}
	}
	for _, name := range needed {
		from, to := filepath.Join("../..", name), filepath.Join(root, "src", name)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if !info.IsDir() {
			place(t, from, to)
			continue
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// place copies a file, and makes the directories above it.
func place(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// command runs a program and returns what it prints.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, args, err)
	}
	return string(out)
}

func get(url string) (string, error) {
	answer, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}
