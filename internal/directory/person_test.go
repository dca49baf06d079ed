package directory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

func TestFindAndRead(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice := find(t, d, "alice")
	want := &directory.Person{
		DN: testenv.PersonDN("alice"), Login: "alice", DisplayName: "alice Example", Mail: "alice@example.test", State: directory.Active,
	}
	ignored := []cmp.Option{cmpopts.IgnoreUnexported(directory.Person{}), cmpopts.IgnoreFields(directory.Person{}, "ID", "ChangeStamp")}
	if diff := cmp.Diff(want, alice, ignored...); diff != "" {
		t.Errorf("alice (-want +got):\n%s", diff)
	}
	if alice.ID.Kind != "entryUUID" || len(alice.ID.Bytes) != 16 || alice.ChangeStamp == "" || alice.Server() != s.LDAPSURL {
		t.Errorf("id %s, stamp %q, server %s", alice.ID, alice.ChangeStamp, alice.Server())
	}
	id, err := directory.ParseID(alice.ID.String())
	if err != nil || id != alice.ID {
		t.Errorf("the id came back as %v, %v", id, err)
	}
	again, err := d.Read(t.Context(), id)
	if diff := cmp.Diff(alice, again, cmpopts.IgnoreUnexported(directory.Person{})); diff != "" || err != nil {
		t.Errorf("read by id (-found +read): %v\n%s", err, diff)
	}
	if upper := find(t, d, "ALICE"); upper.Login != "alice" || upper.ID != alice.ID {
		t.Errorf("typed in capitals: %s, %s", upper.Login, upper.ID)
	}
}

func TestReadFollowsTheEntryAndItsScope(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.BaseDN = "ou=people," + s.BaseDN
	d := open(t, c)
	alice, bob := find(t, d, "alice"), find(t, d, "bob")
	err := s.Modify(t.Context(), "dn: "+alice.DN+"\nchangetype: modrdn\nnewrdn: uid=alicia\ndeleteoldrdn: 1\n")
	if err != nil {
		t.Fatal(err)
	}
	renamed, err := d.Read(t.Context(), alice.ID)
	if err != nil || renamed.Login != "alicia" || renamed.DN != testenv.PersonDN("alicia") {
		t.Errorf("after the rename: %+v, %v", renamed, err)
	}
	if err := d.SetPassword(t.Context(), alice, second); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("write to the old name: %v", err)
	}
	err = s.Modify(t.Context(), "dn: "+bob.DN+"\nchangetype: modrdn\nnewrdn: uid=bob\ndeleteoldrdn: 1\nnewsuperior: ou=services,"+s.BaseDN+"\n")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := d.Read(t.Context(), bob.ID); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("out of scope: %v, %v", p, err)
	}
}

func TestReadKeepsToTheUserFilter(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.UserFilter = "(&(uid={login})(mail=*)(!(displayName=gone*)))"
	d := open(t, c)
	alice := find(t, d, "alice")
	if err := s.Modify(t.Context(), "dn: "+alice.DN+"\nchangetype: modify\nreplace: displayName\ndisplayName: gone\n"); err != nil {
		t.Fatal(err)
	}
	if p, err := d.Read(t.Context(), alice.ID); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("no longer in the filter: %v, %v", p, err)
	}
}

// TestS30_LoginsAreEscaped asks slapd's own log what it was asked.
func TestS30_LoginsAreEscaped(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	find(t, d, "alice")
	for login, filter := range map[string]string{
		"*":                       `(uid=\2A)`,
		"*)(uid=*":                `(uid=\2A\29\28uid=\2A)`,
		"admin)(|(objectClass=*":  `(uid=admin\29\28|\28objectClass=\2A)`,
		`a\00b`:                   `(uid=a\5C00b)`,
		`\2a`:                     `(uid=\5C2a)`,
		"cn=x,dc=example,dc=test": `(uid=cn=x,dc=example,dc=test)`,
		"al*":                     `(uid=al\2A)`,
		"none-of-ours":            `(uid=none-of-ours)`,
		"":                        "",
		"a\x00b":                  "",
		"a\nb":                    "",
		"\xff":                    "",
		strings.Repeat("x", 257):  "",
		strings.Repeat("y", 1e4):  "",
	} {
		before := slapdLog(t, s)
		if p, err := d.Find(t.Context(), login); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%.40q: %v, %v", login, p, err)
		}
		logged := strings.TrimPrefix(slapdLog(t, s), before)
		if n := strings.Count(logged, " SRCH base="); (filter == "") != (n == 0) || n > 1 {
			t.Errorf("%.40q: %d searches", login, n)
		}
		if filter != "" && !strings.Contains(strings.ToUpper(logged), strings.ToUpper(`filter="(&(objectClass=person)`+filter+`)"`)) {
			t.Errorf("%.40q was asked as\n%s", login, logged)
		}
	}
}

func TestTwoHitsAreNobody(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.UserFilter = "(|(uid={login})(mail={login}*))"
	d := open(t, c)
	if p, err := d.Read(t.Context(), find(t, d, "alice").ID); err != nil || p.Login != "alice" {
		t.Errorf("read with asterisks in the filter: %v, %v", p, err)
	}
	for _, uid := range []string{"carol", "carola"} { // then three entries match "carol"
		if err := s.Modify(t.Context(), testenv.PersonLDIF(uid)); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := d.Find(t.Context(), "carol"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("two hits: %v, %v", p, err)
	}
	if err := s.Modify(t.Context(), testenv.PersonLDIF("caroline")); err != nil {
		t.Fatal(err)
	}
	if p, err := d.Find(t.Context(), "carol"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("three hits, over the size limit: %v, %v", p, err)
	}
}

func TestStatesOnSlapd(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: testenv.PersonLDIF("ended", "pwdEndTime: 20200101000000Z") +
		testenv.PersonLDIF("later", "pwdStartTime: 29990101000000Z")})
	d := open(t, configFor(s))
	for range 3 {
		if err := s.Bind(t.Context(), testenv.PersonDN("bob"), "wrong"); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	for uid, want := range map[string]directory.State{
		"alice": directory.Active, "bob": directory.Locked, "young": directory.Active,
		"disabled": directory.Expired, "adminlocked": directory.LockedByAdministrator,
		"ended": directory.Expired, "later": directory.Disabled,
	} {
		if p := find(t, d, uid); p.State != want {
			t.Errorf("%s is %s, want %s", uid, p.State, want)
		}
	}
	if err := d.SetPassword(t.Context(), find(t, d, "bob"), second); err != nil {
		t.Error(err)
	}
	wantPassword(t, s, "bob", second, testenv.FirstPassword)
}

func TestGroups(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: "dn: cn=Some  Staff,ou=groups," + testenv.BaseDN +
		"\nobjectClass: groupOfUniqueNames\ncn: Some  Staff\nuniqueMember: " + testenv.PersonDN("protected") + "\n"})
	d := open(t, configFor(s))
	got, err := d.Groups(t.Context(), find(t, d, "protected"))
	want := []string{testenv.ProtectedGroupDN, directory.NormalDN("CN=Some  Staff, OU=Groups, " + testenv.BaseDN)}
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); diff != "" || err != nil {
		t.Errorf("groups (-want +got): %v\n%s", err, diff)
	}
	if got, err := d.Groups(t.Context(), find(t, d, "alice")); len(got) != 0 || err != nil {
		t.Errorf("alice is in %v, %v", got, err)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	want := &directory.PasswordPolicy{MinLength: 10, History: 3, LockoutDuration: 10 * time.Minute}
	got, err := d.Policy(t.Context(), find(t, d, "alice"))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("the default policy (-want +got): %v\n%s", err, diff)
	}
	want.MinAge = 24 * time.Hour
	got, err = d.Policy(t.Context(), find(t, d, "young"))
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(directory.PasswordPolicy{}, "ChangeableAt")); diff != "" || err != nil {
		t.Errorf("the policy of the entry (-want +got): %v\n%s", err, diff)
	}
	if left := time.Until(got.ChangeableAt); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("changeable in %s", left)
	}

	c := configFor(s)
	c.DefaultPolicyDN = ""
	got, err = open(t, c).Policy(t.Context(), find(t, open(t, c), "alice"))
	if diff := cmp.Diff(&directory.PasswordPolicy{}, got); diff != "" || err != nil {
		t.Errorf("no policy named (-want +got): %v\n%s", err, diff)
	}
}
