package blackbox

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestGeneratedClientResets: a public generator (oapi-codegen) makes a client of
// the contract that the running server serves, and a program that knows nothing
// else resets a password with it.
func TestGeneratedClientResets(t *testing.T) {
	s := start(t, options{})
	client := s.generatedClient()
	before := s.codesTo("alice")
	command := exec.CommandContext(t.Context(), client, s.base+"/api/v1", "alice", newPassword)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "code?" {
		t.Fatalf("the client says %q and ends with %v", lines.Text(), command.Wait())
	}
	if _, err := io.WriteString(in, s.code("alice", before)+"\n"); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "done" {
		t.Errorf("the client ends with %q", lines.Text())
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// generatedClient builds testdata/client with what the generator makes of the
// served contract. An overlay keeps the tree as it is.
func (s *stack) generatedClient() string {
	s.t.Helper()
	answer, err := http.Get(s.base + "/api/v1/openapi.yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	contract, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("the contract: status %d, %v", answer.StatusCode, err)
	}
	s.file("openapi.yaml", string(contract))
	generated := filepath.Join(s.dir, "client.gen.go")
	s.goCommand("tool", "-modfile=go.tool.mod", "oapi-codegen", "-generate", "types,client", "-package", "main",
		"-o", generated, filepath.Join(s.dir, "openapi.yaml"))
	const source = "internal/blackbox/testdata/client"
	whole, err := filepath.Abs("../../" + source + "/client.gen.go")
	if err != nil {
		s.t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {whole: generated}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.file("overlay.json", string(overlay))
	program := filepath.Join(s.dir, "client")
	s.goCommand("build", "-modfile=go.tool.mod", "-overlay", filepath.Join(s.dir, "overlay.json"), "-o", program, "./"+source)
	return program
}

// goCommand runs the go command at the top of the repository.
func (s *stack) goCommand(args ...string) {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), "go", args...)
	command.Dir = "../.."
	if out, err := command.CombinedOutput(); err != nil {
		s.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
