package memory

import "strings"

// canonicalName is how an attribute is shown: without other names and numbers.
func canonicalName(description string) string {
	base, options, optioned := strings.Cut(description, ";")
	if known := knownName(strings.ToLower(base)); known != "" {
		base = known
	}
	if optioned {
		return base + ";" + options
	}
	return base
}

// keyOf is how descriptions are compared.
func keyOf(description string) string { return strings.ToLower(canonicalName(description)) }

// baseOf takes the options away.
func baseOf(key string) string {
	base, _, _ := strings.Cut(key, ";")
	return base
}

// knownName returns the usual spelling of an attribute; empty for one that is
// not known.
func knownName(lower string) string {
	for _, names := range []func(string) string{plainName, numberedName, personName, policyName, operationalName} {
		if name := names(lower); name != "" {
			return name
		}
	}
	return ""
}

// plainName knows the names without capitals.
func plainName(lower string) string {
	switch lower {
	case "cn", "sn", "uid", "o", "ou", "dc", "c", "l", "st", "street", "title", "description", "initials", "mail", "mobile", "pager", "member", "owner", "manager", "secretary", "gecos":
		return lower
	}
	return ""
}

// numberedName knows the names that have another, or a number in use.
func numberedName(lower string) string {
	switch lower {
	case "commonname", "2.5.4.3":
		return "cn"
	case "surname", "2.5.4.4":
		return "sn"
	case "userid", "0.9.2342.19200300.100.1.1":
		return "uid"
	case "organizationname", "2.5.4.10":
		return "o"
	case "organizationalunitname", "2.5.4.11":
		return "ou"
	case "domaincomponent", "0.9.2342.19200300.100.1.25":
		return "dc"
	case "rfc822mailbox", "0.9.2342.19200300.100.1.3":
		return "mail"
	case "mobiletelephonenumber":
		return "mobile"
	case "objectclass", "2.5.4.0":
		return objectClass
	case "userpassword", "2.5.4.35":
		return userPassword
	}
	return ""
}

// personName knows the attributes of people and groups.
func personName(lower string) string {
	switch lower {
	case "displayname":
		return "displayName"
	case "givenname":
		return "givenName"
	case "telephonenumber":
		return "telephoneNumber"
	case "homephone":
		return "homePhone"
	case "facsimiletelephonenumber":
		return "facsimileTelephoneNumber"
	case "employeenumber":
		return "employeeNumber"
	case "employeetype":
		return "employeeType"
	case "departmentnumber":
		return "departmentNumber"
	case "preferredlanguage":
		return "preferredLanguage"
	case "roomnumber":
		return "roomNumber"
	case "postaladdress":
		return "postalAddress"
	case "postalcode":
		return "postalCode"
	case "memberuid":
		return "memberUid"
	case "uniquemember":
		return "uniqueMember"
	case "seealso":
		return "seeAlso"
	case "roleoccupant":
		return "roleOccupant"
	case "uidnumber":
		return "uidNumber"
	case "gidnumber":
		return "gidNumber"
	case "homedirectory":
		return "homeDirectory"
	case "loginshell":
		return "loginShell"
	case "shadowexpire":
		return "shadowExpire"
	case "shadowlastchange":
		return "shadowLastChange"
	case "shadowmax":
		return "shadowMax"
	case "shadowmin":
		return "shadowMin"
	case "shadowwarning":
		return "shadowWarning"
	case "shadowinactive":
		return "shadowInactive"
	case "shadowflag":
		return "shadowFlag"
	case "labeleduri":
		return "labeledURI"
	case "businesscategory":
		return "businessCategory"
	case "destinationindicator":
		return "destinationIndicator"
	case "physicaldeliveryofficename":
		return "physicalDeliveryOfficeName"
	case "serialnumber":
		return "serialNumber"
	case "jpegphoto":
		return "jpegPhoto"
	case "usercertificate":
		return "userCertificate"
	}
	return ""
}

// policyName knows the attributes of a password policy, and those that disable
// an account.
func policyName(lower string) string {
	switch lower {
	case "pwdattribute":
		return "pwdAttribute"
	case "pwdminage":
		return "pwdMinAge"
	case "pwdmaxage":
		return "pwdMaxAge"
	case "pwdinhistory":
		return "pwdInHistory"
	case "pwdcheckquality":
		return "pwdCheckQuality"
	case "pwdminlength":
		return "pwdMinLength"
	case "pwdmaxlength":
		return "pwdMaxLength"
	case "pwdexpirewarning":
		return "pwdExpireWarning"
	case "pwdgraceauthnlimit":
		return "pwdGraceAuthNLimit"
	case "pwdlockout":
		return "pwdLockout"
	case "pwdlockoutduration":
		return "pwdLockoutDuration"
	case "pwdmaxfailure":
		return "pwdMaxFailure"
	case "pwdfailurecountinterval":
		return "pwdFailureCountInterval"
	case "pwdmustchange":
		return "pwdMustChange"
	case "pwdallowuserchange":
		return "pwdAllowUserChange"
	case "pwdsafemodify":
		return "pwdSafeModify"
	case "pwdcheckmodule":
		return "pwdCheckModule"
	case "pwdusecheckmodule":
		return "pwdUseCheckModule"
	case "nsaccountlock":
		return "nsAccountLock"
	case "logindisabled":
		return "loginDisabled"
	}
	return ""
}

// operationalName knows the attributes that only show when asked for.
func operationalName(lower string) string {
	switch lower {
	case "structuralobjectclass":
		return "structuralObjectClass"
	case "entryuuid":
		return "entryUUID"
	case "creatorsname":
		return "creatorsName"
	case "createtimestamp":
		return "createTimestamp"
	case "entrycsn":
		return "entryCSN"
	case "modifiersname":
		return "modifiersName"
	case "modifytimestamp":
		return "modifyTimestamp"
	case "entrydn":
		return "entryDN"
	case "subschemasubentry":
		return "subschemaSubentry"
	case "hassubordinates":
		return "hasSubordinates"
	case "memberof":
		return "memberOf"
	case "pwdchangedtime":
		return "pwdChangedTime"
	case "pwdaccountlockedtime":
		return "pwdAccountLockedTime"
	case "pwdfailuretime":
		return "pwdFailureTime"
	case "pwdhistory":
		return "pwdHistory"
	case "pwdgraceusetime":
		return "pwdGraceUseTime"
	case "pwdreset":
		return "pwdReset"
	case "pwdpolicysubentry":
		return "pwdPolicySubentry"
	case "pwdstarttime":
		return "pwdStartTime"
	case "pwdendtime":
		return "pwdEndTime"
	case "namingcontexts":
		return "namingContexts"
	case "supportedcontrol":
		return "supportedControl"
	case "supportedextension":
		return "supportedExtension"
	case "supportedfeatures":
		return "supportedFeatures"
	case "supportedldapversion":
		return "supportedLDAPVersion"
	case "vendorname":
		return "vendorName"
	case "vendorversion":
		return "vendorVersion"
	}
	return ""
}

func isOperational(key string) bool { return operationalName(baseOf(key)) != "" }
