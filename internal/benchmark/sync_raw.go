package benchmark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"latchkey/internal/testenv"
)

const (
	// alternateAttribute holds an alternate address here; the schema of the
	// servers for tests has none of its own.
	alternateAttribute = "description"
	mobileAttribute    = "mobile"
	// everyonesFilter finds the people of a run.
	everyonesFilter = "(employeeType=synchronized)"
)

// readAttributes are what Latchkey reads of everyone.
func readAttributes() []string {
	return []string{"entryUUID", alternateAttribute, mobileAttribute, "mail"}
}

func manyPeople(n int) string {
	var b strings.Builder
	for i := range n {
		uid := syncUID(i)
		fmt.Fprintf(&b, "\ndn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: Person %d\nsn: Person\nemployeeType: synchronized\nmail: %s@example.test\n%s: %s\n%s: +49151%08d\n",
			testenv.PersonDN(uid), uid, i, uid, alternateAttribute, address(i, 0), mobileAttribute, i)
	}
	return b.String()
}

func syncUID(i int) string { return fmt.Sprintf("sync%07d", i) }

// address is the alternate address of a person after so many changes.
func address(i, change int) string { return fmt.Sprintf("person%07d.%d@home.example", i, change) }

// errMissing means that a side did not go through everyone.
var errMissing = errors.New("not everyone was read")

// raw times the limits: reading alone, and writing alone.
func (s *syncRun) raw(ctx context.Context) error {
	if err := s.rounds(&s.report.Tool, func() error { return s.ldapsearch(ctx) }); err != nil {
		return err
	}
	client, err := s.slapd.Connect()
	if err != nil {
		return err
	}
	defer client.Close()
	before, err := ownCPU()
	if err != nil {
		return err
	}
	if err := s.rounds(&s.report.Library, func() error {
		n, err := client.Stream(ctx, everyonesFilter, readAttributes()...)
		if err == nil && n != s.People {
			err = fmt.Errorf("%w: %d of %d", errMissing, n, s.People)
		}
		return err
	}); err != nil {
		return err
	}
	after, err := ownCPU()
	s.report.Library.CPU = (after - before).Seconds() / float64(s.Rounds+1)
	return err
}

// writes times the other limit, with values of the size that cards had.
func (s *syncRun) writes(ctx context.Context) error {
	if err := s.empty(ctx); err != nil {
		return err
	}
	return s.rounds(&s.report.Writes, func() error { return pipelined(ctx, s.redis, s.People, s.report.CardBytes) })
}

// ldapsearch reads the same entries over the same kind of connection, and counts
// the lines with a name only the first time.
func (s *syncRun) ldapsearch(ctx context.Context) error {
	password := s.slapd.ServicePassword
	args := append([]string{"-x", "-LLL", "-o", "ldif-wrap=no", "-H", s.slapd.LDAPSURL, "-D", s.slapd.ServiceDN, "-w", password, "-b", "ou=people," + s.slapd.BaseDN, everyonesFilter}, readAttributes()...)
	command := exec.CommandContext(ctx, "ldapsearch", args...)
	command.Env = append(command.Environ(), "LDAPTLS_CACERT="+s.slapd.CAFile)
	var said bytes.Buffer
	command.Stderr = &said
	count := &nameCounter{}
	if s.report.Tool.Seconds == nil && s.report.Tool.CPU == 0 {
		command.Stdout = count // the round that does not count
	}
	begun := time.Now()
	if err := command.Run(); err != nil {
		return fmt.Errorf("ldapsearch after %v: %w: %s", time.Since(begun), err, said.Bytes())
	}
	if command.Stdout != nil && count.names != s.People {
		return fmt.Errorf("%w: ldapsearch shows %d of %d", errMissing, count.names, s.People)
	}
	s.report.Tool.CPU = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	return nil
}

// nameCounter counts the entries in LDIF.
type nameCounter struct {
	names int
	rest  []byte
}

// Write implements io.Writer.
func (c *nameCounter) Write(b []byte) (int, error) {
	text := append(c.rest, b...)
	last := bytes.LastIndexByte(text, '\n') + 1
	for line := range bytes.Lines(text[:last]) {
		if bytes.HasPrefix(line, []byte("dn:")) {
			c.names++
		}
	}
	c.rest = bytes.Clone(text[last:])
	return len(b), nil
}
