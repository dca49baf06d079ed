package memory_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// judge is a server that a script runs on: ours, or the real slapd.
type judge struct {
	name                  string
	url, ldapsURL, caFile string
}

// beside returns ours and a real slapd with the same entries.
func beside(t *testing.T, options testenv.SlapdOptions) (ours *served, both []judge) {
	t.Helper()
	slapd := testenv.NewSlapd(t, options)
	config := configuration()
	config.ServiceWrites = options.ServiceWrites
	ours = start(t, config, options)
	return ours, []judge{
		{"memory", ours.url, ours.ldapsURL, ours.caFile},
		{"slapd", slapd.URL, slapd.LDAPSURL, slapd.CAFile},
	}
}

// step is one call of a client. Words in braces stand for logins and the like.
type step struct {
	// as is who binds: root, service, nobody or the uid of a person, with the
	// password behind a colon where it is not the first.
	as   string
	line string
	// input is what ldapmodify and the like read.
	input string
}

var (
	varying = regexp.MustCompile(`\d{14}(\.\d+)?Z(#[0-9a-f#]+)?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|ldaps?://127[0-9.:]+|\d+ seconds`)
	hashes  = regexp.MustCompile(`(userPassword|pwdHistory):.*`)
	// operators of slapd know its own program; the position in the text is the
	// client's.
	noise = regexp.MustCompile(`(?m)^(#.*|search: \d+|ref: .*)$`)
)

// outcome is what two servers are compared by.
func (s step) outcome(t *testing.T, j judge) string {
	t.Helper()
	words := strings.Fields(s.line)
	args := []string{"-x", "-H", j.ldapsURL}
	if words[0] == "ldapsearch" {
		args = append(args, "-LLL", "-o", "ldif-wrap=no")
	}
	dn, password := who(s.as)
	if dn != "" {
		args = append(args, "-D", dn, "-w", password)
	}
	if s.input != "" {
		path := filepath.Join(t.TempDir(), "input.ldif")
		if err := os.WriteFile(path, []byte(names(s.input)), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-f", path)
	}
	for _, word := range words[1:] {
		args = append(args, strings.ReplaceAll(names(word), "_", " "))
	}
	out, code := client(t, j.caFile, words[0], args...)
	out = hashes.ReplaceAllString(varying.ReplaceAllString(noise.ReplaceAllString(out, ""), "…"), "$1: …")
	lines := slices.DeleteFunc(strings.Split(out, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	// Attributes and their values have no order.
	if words[0] == "ldapsearch" {
		slices.Sort(lines)
	}
	return "code " + strings.TrimSpace(strings.Join(append([]string{itoa(code)}, lines...), "\n"))
}

func who(as string) (dn, password string) {
	login, password, given := strings.Cut(as, ":")
	switch login {
	case "nobody":
		return "", ""
	case "root":
		return rootDN, rootPassword
	case "service":
		return testenv.ServiceDN, testenv.ServicePassword
	}
	if !given {
		password = testenv.FirstPassword
	}
	return testenv.PersonDN(login), names(password)
}

func names(text string) string {
	return strings.NewReplacer("{base}", testenv.BaseDN, "{people}", "ou=people,"+testenv.BaseDN, "{second}", second, "{third}", third,
		"{first}", testenv.FirstPassword, "{policy}", testenv.DefaultPolicyDN, "{group}", testenv.ProtectedGroupDN).Replace(text)
}

// compare runs a script on both servers, step by step, and wants the same.
func compare(t *testing.T, both []judge, script []step) {
	t.Helper()
	for _, s := range script {
		ours, theirs := s.outcome(t, both[0]), s.outcome(t, both[1])
		t.Logf("%s: %s %q\n%s", s.as, s.line, s.input, theirs)
		if ours != theirs {
			t.Errorf("%s: %s %q\n--- %s:\n%s\n--- %s:\n%s", s.as, s.line, s.input, both[0].name, ours, both[1].name, theirs)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestBindsBesideSlapd(t *testing.T) {
	t.Parallel()
	const expiring = "cn=expiring,ou=policies," + testenv.BaseDN
	const rules = "objectClass: device\nobjectClass: pwdPolicy\npwdAttribute: userPassword\npwdMaxAge: 3600\n"
	_, both := beside(t, testenv.SlapdOptions{
		LDIF: "dn: " + expiring + "\ncn: expiring\n" + rules + "pwdGraceAuthNLimit: 2\n\n" +
			"dn: cn=ended,ou=policies," + testenv.BaseDN + "\ncn: ended\n" + rules + "\n" +
			testenv.PersonLDIF("grace", "pwdChangedTime: 20200101000000Z", "pwdPolicySubentry: "+expiring) +
			testenv.PersonLDIF("ended", "pwdChangedTime: 20200101000000Z", "pwdPolicySubentry: cn=ended,ou=policies,"+testenv.BaseDN) +
			testenv.PersonLDIF("flagged", "pwdReset: TRUE") +
			testenv.PersonLDIF("ageless", "pwdPolicySubentry: "+expiring),
	})
	const whoami = "ldapwhoami -e ppolicy"
	script := []step{
		{as: "nobody", line: whoami},
		{as: "alice", line: whoami},
		{as: "alice:wrong", line: whoami},
		{as: "alice:", line: whoami},
		{as: "unknown", line: whoami},
		{as: "service", line: whoami},
		{as: "root", line: whoami},
		{as: "adminlocked", line: whoami},
		{as: "adminlocked", line: "ldapwhoami"},
		{as: "disabled", line: whoami},
		{as: "flagged", line: whoami},
		{as: "grace", line: whoami},
		{as: "grace", line: whoami},
		{as: "grace", line: whoami},
		{as: "ended", line: whoami},
		{as: "ageless", line: whoami},
		{as: "root", line: "ldapsearch -b uid=grace,{people} -s base objectClass=* pwdGraceUseTime"},
	}
	for range 4 {
		script = append(script, step{as: "bob:wrong", line: whoami}, step{as: "root", line: "ldapsearch -b uid=bob,{people} -s base objectClass=* pwdAccountLockedTime pwdFailureTime"})
	}
	script = append(script, step{as: "bob", line: whoami}, step{as: "alice", line: whoami},
		step{as: "root", line: "ldapsearch -b uid=alice,{people} -s base objectClass=* pwdFailureTime"})
	compare(t, both, script)
}

func TestPasswordsBesideSlapd(t *testing.T) {
	t.Parallel()
	_, both := beside(t, testenv.SlapdOptions{ServiceWrites: []string{"pwdAccountLockedTime", "pwdReset"}})
	set := func(as, password, uid string) step {
		return step{as: as, line: "ldappasswd -e ppolicy -s " + password + " uid=" + uid + ",{people}"}
	}
	state := step{as: "root", line: "ldapsearch -b uid=alice,{people} -s base objectClass=* userPassword pwdHistory pwdChangedTime pwdReset pwdFailureTime pwdAccountLockedTime modifiersName"}
	compare(t, both, []step{
		set("service", "short-1", "alice"),
		set("service", "{first}", "alice"),
		state,
		set("service", "{second}", "alice"), state,
		set("service", "{first}", "alice"),
		set("service", "{third}", "alice"), state,
		set("service", "fourth-Password-4", "alice"), state,
		set("service", "fifth-Password-5", "alice"), state,
		set("service", "{first}", "alice"), state,
		{as: "service", line: "ldapsearch -b uid=alice,{people} -s base objectClass=* userPassword pwdHistory pwdChangedTime"},
		set("service", "{second}", "young"),
		set("young", "{second}", "young"),
		set("bob", "{second}", "alice"),
		set("nobody", "{second}", "alice"),
		set("service", "{second}", "unknown"),
		set("bob", "{second}", "bob"),
		set("bob:{second}", "{third}", "bob"),
		set("adminlocked", "{third}", "bob"),
		set("service", "{third}", "adminlocked"),
		{as: "nobody", line: "ldapwhoami -e ppolicy -D uid=adminlocked,{people} -w {third}"},
		{as: "service", line: "ldappasswd -e ppolicy -s {second} alice"},
		{as: "bob:{third}", line: "ldappasswd -e ppolicy -a wrong -s sixth-Password-6"},
		{as: "bob:{third}", line: "ldappasswd -e ppolicy -a {third} -s sixth-Password-6"},
		{as: "root", line: "ldappasswd -e ppolicy -s short uid=notenabled,{people}"},
		{as: "notenabled:short", line: "ldapwhoami -e ppolicy"},
	})
}

func TestMustChangeBesideSlapd(t *testing.T) {
	t.Parallel()
	_, both := beside(t, testenv.SlapdOptions{DefaultPolicy: "pwdMustChange: TRUE\n", ServiceWrites: []string{"pwdReset"}})
	flag := "dn: uid=alice,{people}\nchangetype: modify\nreplace: pwdReset\npwdReset: TRUE\n"
	state := step{as: "root", line: "ldapsearch -b uid=alice,{people} -s base objectClass=* pwdReset pwdChangedTime"}
	compare(t, both, []step{
		{as: "service", line: "ldapmodify", input: flag},
		state,
		{as: "alice", line: "ldapwhoami -e ppolicy"},
		{as: "alice", line: "ldapsearch -e ppolicy -b {base} -s base"},
		{as: "alice", line: "ldapcompare -e ppolicy uid=alice,{people} cn:alice_Example"},
		{as: "alice", line: "ldapmodify -e ppolicy", input: "dn: uid=alice,{people}\nchangetype: modify\nreplace: description\ndescription: x\n"},
		{as: "alice", line: "ldapdelete -e ppolicy uid=alice,{people}"},
		{as: "alice", line: "ldappasswd -e ppolicy -s {second} uid=bob,{people}"},
		{as: "alice", line: "ldappasswd -e ppolicy -s short"},
		{as: "alice", line: "ldappasswd -e ppolicy -s {second}"},
		state,
		{as: "alice:{second}", line: "ldapwhoami -e ppolicy"},
		{as: "service", line: "ldapmodify", input: flag},
		{as: "alice:{second}", line: "ldapmodify -e ppolicy", input: "dn: uid=alice,{people}\nchangetype: modify\nreplace: userPassword\nuserPassword: {third}\n"},
		state,
		{as: "root", line: "ldappasswd -s {second} uid=bob,{people}"},
		{as: "bob:{second}", line: "ldapwhoami -e ppolicy"},
		{as: "service", line: "ldapmodify", input: flag},
		{as: "service", line: "ldappasswd -s seventh-Password-7 uid=alice,{people}"},
		state,
	})
}

func TestModifyBesideSlapd(t *testing.T) {
	t.Parallel()
	_, both := beside(t, testenv.SlapdOptions{
		ServiceWrites: []string{"pwdAccountLockedTime", "pwdReset"},
		LDIF:          testenv.PersonLDIF("locked", "pwdAccountLockedTime: 20260101000000Z", "pwdFailureTime: 20260101000000.000001Z"),
	})
	modify := func(as, uid, lines string, args ...string) step {
		return step{as: as, line: strings.Join(append([]string{"ldapmodify"}, args...), " "), input: "dn: uid=" + uid + ",{people}\nchangetype: modify\n" + lines + "\n"}
	}
	state := func(uid string) step {
		return step{as: "root", line: "ldapsearch -b uid=" + uid + ",{people} -s base objectClass=* * pwdAccountLockedTime pwdFailureTime pwdReset pwdChangedTime modifiersName"}
	}
	compare(t, both, []step{
		modify("service", "alice", "delete: pwdAccountLockedTime"),
		modify("service", "locked", "delete: pwdAccountLockedTime\npwdAccountLockedTime: 20250101000000Z"),
		modify("service", "locked", "delete: pwdAccountLockedTime\npwdAccountLockedTime: 20260101000000Z"),
		state("locked"),
		modify("service", "alice", "replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z"),
		{as: "alice", line: "ldapwhoami -e ppolicy"},
		modify("service", "alice", "replace: pwdAccountLockedTime"),
		{as: "alice", line: "ldapwhoami -e ppolicy"},
		modify("service", "alice", "replace: pwdReset\npwdReset: perhaps"),
		modify("service", "alice", "add: pwdReset\npwdReset: TRUE\npwdReset: FALSE"),
		modify("service", "alice", "replace: pwdReset\npwdReset: TRUE"),
		modify("service", "alice", "add: pwdReset\npwdReset: TRUE"),
		modify("service", "alice", "delete: pwdReset\npwdReset: TRUE"),
		modify("service", "alice", "delete: pwdReset\npwdReset: TRUE"),
		modify("service", "alice", "replace: pwdChangedTime\npwdChangedTime: 20250101000000Z"),
		modify("service", "alice", "replace: entryUUID\nentryUUID: 00000000-0000-0000-0000-000000000000"),
		modify("service", "alice", "replace: description\ndescription: x"),
		modify("alice", "alice", "replace: description\ndescription: x"),
		modify("nobody", "alice", "replace: description\ndescription: x"),
		modify("bob", "alice", "replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z"),
		modify("bob", "bob", "replace: pwdReset\npwdReset: FALSE"),
		modify("service", "unknown", "replace: pwdReset\npwdReset: TRUE"),
		modify("root", "unknown,ou=nowhere", "replace: description\ndescription: x"),
		modify("root", "alice", "replace: description\ndescription: x\ndescription: y"),
		modify("root", "alice", "add: description\ndescription: X"),
		modify("root", "alice", "add: description\ndescription: z"),
		modify("root", "alice", "delete: description\ndescription: Y"),
		modify("root", "alice", "delete: description\ndescription: Y"),
		modify("root", "alice", "delete: title"),
		modify("root", "alice", "replace: displayName\ndisplayName: a\ndisplayName: b"),
		modify("root", "alice", "delete: uid"),
		modify("root", "alice", "add: uidNumber\nuidNumber: many"),
		modify("root", "alice", "add: manager\nmanager: nobody"),
		modify("root", "alice", "add: title\ntitle: one\n-\ndelete: mail\n-\nreplace: mail\nmail: new@example.test"),
		state("alice"),
		modify("alice", "alice", "replace: userPassword\nuserPassword: short", "-e", "ppolicy"),
		modify("alice", "alice", "delete: userPassword\nuserPassword: {first}\n-\nadd: userPassword\nuserPassword: {second}", "-e", "ppolicy"),
		modify("alice:{second}", "alice", "replace: userPassword\nuserPassword: {first}", "-e", "ppolicy"),
		modify("bob", "alice", "replace: userPassword\nuserPassword: {third}", "-e", "ppolicy"),
		modify("service", "alice", "replace: userPassword\nuserPassword: {SSHA}ZmFrZWZha2VmYWtlZmFrZWZha2VmYWtlZmFrZQ==", "-e", "ppolicy"),
		modify("service", "bob", "replace: pwdReset\npwdReset: TRUE", "-e", "!assert=(uid=alice)"),
		modify("service", "bob", "replace: pwdReset\npwdReset: TRUE", "-e", "!assert=(&(uid=bob)(!(pwdReset=TRUE)))"),
		modify("service", "bob", "delete: pwdReset\npwdReset: TRUE", "-e", "!assert=(&(pwdReset=TRUE)(!(pwdChangedTime=*)))"),
		state("bob"),
	})
}
