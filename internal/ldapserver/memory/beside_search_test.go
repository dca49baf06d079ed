package memory_test

import (
	"testing"

	"latchkey/internal/testenv"
)

func TestSearchBesideSlapd(t *testing.T) {
	t.Parallel()
	_, both := beside(t, testenv.SlapdOptions{LDIF: testenv.PersonLDIF("carol", "description: Über alle Maßen", "telephoneNumber: +49 171 39 20001", "shadowMax: 1000", "shadowMin: 7", "manager: "+testenv.PersonDN("bob"))})
	var script []step
	for _, filter := range []string{
		"(objectClass=*)", "(objectClass=person)", "(objectClass=inetOrgPerson)", "(objectClass=organizationalPerson)", "(objectClass=nonsense)", "(OBJECTCLASS=TOP)",
		"(uid=alice)", "(UID=ALICE)", "(userid=alice)", "(0.9.2342.19200300.100.1.1=alice)", "(uid=al*)", "(uid=*ice)", "(uid=*l*c*)", "(uid=a*i*e)", "(uid=*)", "(cn=alice__Example)",
		"(!(uid=alice))", "(!(unknownAttribute=x))", "(unknownAttribute=x)", "(|(unknownAttribute=x)(uid=alice))", "(&(unknownAttribute=x)(uid=alice))", "(&)", "(|)",
		"(&(objectClass=person)(uid=alice))", "(|(member=uid=protected,ou=people,{base})(uniqueMember=uid=protected,ou=people,{base}))",
		"(member=UID=Protected,_OU=People,{base})", "(member=nonsense)", "(&(uid=bob)(!(pwdReset=TRUE)))", "(userPassword=*)", "(!(userPassword=*))",
		"(pwdMinLength>=9)", "(pwdMinLength>=11)", "(pwdMinLength<=10)", "(shadowMax=1000)", "(shadowMax=01000)", "(shadowMax=x)", "(pwdMinAge>=9)", "(pwdChangedTime>=20200101000000Z)", "(pwdChangedTime<=20200101000000Z)",
		"(mail~=alice@example.test)", "(description=über_alle_maßen)", "(description=*ÜBER*)", "(cn:caseExactMatch:=alice_Example)", "(cn:caseExactMatch:=ALICE_Example)", "(cn:caseIgnoreMatch:=ALICE_Example)",
		"(ou:dn:=people)", "(ou:dn:caseIgnoreMatch:=PEOPLE)", "(:caseIgnoreMatch:=alice)", "(cn:noSuchRule:=x)", "(manager=uid=bob,{people})", "(shadowExpire=1)", "(entryDN=uid=alice,{people})", "(hasSubordinates=TRUE)",
		"(seeAlso:dn:=x)", "(pwdAccountLockedTime=000001010000Z)", "(createTimestamp>=20200101000000Z)",
	} {
		script = append(script, step{as: "service", line: "ldapsearch -b {base} -s sub " + filter + " 1.1"})
	}
	for _, line := range []string{
		"-b {base} -s base", "-b {base} -s one", "-b {people} -s base", "-b {people} -s one uid=*", "-b ou=nowhere,{base} -s sub", "-b uid=x,ou=nowhere,{base} -s sub", "-b dc=elsewhere -s sub",
		"-b nonsense -s base", "-b uid=carol,{people} -s base objectClass=* uid mail", "-b uid=carol,{people} -s base objectClass=* UID Mail", "-b uid=carol,{people} -s base objectClass=* userid", "-b uid=carol,{people} -s base objectClass=* 1.1",
		"-b uid=carol,{people} -s base objectClass=* 1.1 uid", "-b uid=carol,{people} -s base objectClass=* *", "-b uid=carol,{people} -s base objectClass=* unknown", "-A -b uid=carol,{people} -s base", "-b uid=carol,{people} -s base objectClass=* userPassword",
		"-b UID=Carol,__OU=people,{base} -s base objectClass=* uid", "-z 1 -b {people} -s one uid=b* 1.1", "-z 100 -b {people} -s one uid=alice 1.1",
		"-E pr=3/noprompt -b {people} -s one uid=* 1.1", "-E pr=1/noprompt -b {people} -s sub uid=* 1.1", "-E !pr=100/noprompt -b {people} -s one uid=* 1.1", "-b cn=Subschema -s base objectClass=* cn", "-e !assert=(uid=bob) -b uid=carol,{people} -s base",
	} {
		script = append(script, step{as: "service", line: "ldapsearch " + line}, step{as: "alice", line: "ldapsearch " + line})
	}
	script = append(script,
		step{as: "nobody", line: "ldapsearch -b {base} -s sub"},
		step{as: "nobody", line: "ldapsearch -b {base} -s base"},
		step{as: "nobody", line: "ldapsearch -b ou=nowhere,{base} -s base"},
		step{as: "nobody", line: "ldapsearch -b  -s base objectClass=* objectClass supportedLDAPVersion namingContexts subschemaSubentry"},
		step{as: "service", line: "ldapsearch -b uid=alice,{people} -s base objectClass=* entryUUID pwdChangedTime pwdPolicySubentry structuralObjectClass entryDN subschemaSubentry hasSubordinates createTimestamp"},
		step{as: "service", line: "ldapsearch -b uid=young,{people} -s base objectClass=* pwdPolicySubentry"},
	)
	compare(t, both, script)
}

func TestEntriesBesideSlapd(t *testing.T) {
	t.Parallel()
	_, both := beside(t, testenv.SlapdOptions{})
	const person = "objectClass: inetOrgPerson\ncn: Dora\nsn: D\n"
	compare(t, both, []step{
		{as: "service", line: "ldapadd", input: "dn: uid=dora,{people}\n" + person},
		{as: "nobody", line: "ldapadd", input: "dn: uid=dora,{people}\n" + person},
		{as: "root", line: "ldapadd", input: "dn: uid=dora,{people}\nuid: dora\nuserPassword: {first}\n" + person},
		{as: "root", line: "ldapadd", input: "dn: uid=dora,{people}\nuid: dora\n" + person},
		{as: "root", line: "ldapadd", input: "dn: uid=dora,ou=nowhere,{base}\nuid: dora\n" + person},
		{as: "dora", line: "ldapwhoami -e ppolicy"},
		{as: "root", line: "ldapsearch -b uid=dora,{people} -s base objectClass=* * pwdChangedTime creatorsName"},
		{as: "service", line: "ldapcompare uid=dora,{people} cn:dora"},
		{as: "service", line: "ldapcompare uid=dora,{people} cn:other"},
		{as: "service", line: "ldapcompare uid=dora,{people} title:other"},
		{as: "service", line: "ldapcompare uid=dora,{people} userPassword:{first}"},
		{as: "service", line: "ldapcompare uid=dora,{people} unknown:x"},
		{as: "service", line: "ldapcompare uid=unknown,{people} cn:x"},
		{as: "service", line: "ldapmodrdn uid=dora,{people} uid=doris"},
		{as: "root", line: "ldapmodrdn -r uid=dora,{people} uid=alice"},
		{as: "root", line: "ldapmodrdn -r uid=dora,{people} uid=doris"},
		{as: "root", line: "ldapmodrdn uid=doris,{people} uid=dorothea"},
		{as: "root", line: "ldapmodrdn -s ou=groups,{base} uid=dorothea,{people} uid=dorothea"},
		{as: "root", line: "ldapsearch -b uid=dorothea,ou=groups,{base} -s base objectClass=* uid entryDN"},
		{as: "dora", line: "ldapwhoami"},
		{as: "service", line: "ldapdelete uid=dorothea,ou=groups,{base}"},
		{as: "root", line: "ldapdelete {people}"},
		{as: "root", line: "ldapdelete uid=unknown,{people}"},
		{as: "root", line: "ldapdelete uid=dorothea,ou=groups,{base}"},
		{as: "root", line: "ldapsearch -b {base} uid=dorothea 1.1"},
		{as: "service", line: "ldapexop 1.2.3.4"},
	})
}
