package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/internal/finding"
	"latchkey/internal/keyring"
	"latchkey/resetapi/policy"
)

// The checks of what is on this machine, beside that of the certificate.
const (
	checkConfiguration = "configuration"
	checkAddress       = "public_url"
	checkFactors       = "one gate"
	checkKeyring       = "keyring"
	checkAudit         = "audit"
	checkFrozen        = "freeze_file"
)

// singleFactorLength is what NIST SP 800-63B-4 §3.1.1.2 wants of a password that
// is the only factor.
const singleFactorLength = 15

// examineHere looks at what is on this machine.
func (d *doctor) examineHere() []finding.Finding {
	sheet := finding.NewSheet("this machine", checkConfiguration, checkAddress, finding.Certificate, checkFactors, checkKeyring, checkAudit, checkFrozen)
	sheet.Good(checkConfiguration, "%s", d.app.configFile)
	for _, warning := range d.config.Warnings() {
		sheet.Warn(checkConfiguration, warning, "")
	}
	d.lookAtListener(sheet)
	d.lookAtFactors(sheet)
	d.lookAtKeyring(sheet)
	d.lookAtAudit(sheet)
	d.lookAtFreeze(sheet)
	return sheet.Findings("")
}

// lookAtListener judges the address of the pages and the certificate of our own.
func (d *doctor) lookAtListener(sheet *finding.Sheet) {
	server := d.config.Server
	if strings.HasPrefix(server.PublicURL, "https://") {
		sheet.Good(checkAddress, "%s", server.PublicURL)
	} else {
		sheet.Warn(checkAddress, server.PublicURL+" is for a trial on this machine: passwords are typed in clear", "# in the configuration:\n[server]\npublic_url = \"https://NAME\"")
	}
	if server.CertFile == "" {
		sheet.Skip(finding.Certificate, "a proxy adds TLS: cert_file is not set", "")
		return
	}
	pair, err := tls.LoadX509KeyPair(server.CertFile, server.KeyFile)
	if err != nil {
		sheet.Fail(finding.Certificate, err.Error(), "openssl x509 -noout -pubkey -in "+finding.Quote(server.CertFile)+"\nopenssl pkey -pubout -in "+finding.Quote(server.KeyFile))
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		sheet.Fail(finding.Certificate, err.Error(), "")
		return
	}
	sheet.Look = "openssl s_client -connect " + finding.Quote(server.Listen)
	sheet.Expiry("for "+strings.Join(leaf.DNSNames, " "), leaf.NotAfter, time.Now())
}

// lookAtFactors wants long passwords where one code is enough to set one.
func (d *doctor) lookAtFactors(sheet *finding.Sheet) {
	single := slices.IndexFunc(d.config.Policies, func(r policy.Rule) bool { return r.Enabled && r.Gates < 2 })
	switch least := d.config.Password.MinLength; {
	case single < 0:
		sheet.Good(checkFactors, "every [[policy]] has two")
	case least < singleFactorLength:
		sheet.Warn(checkFactors, fmt.Sprintf("min_length is %d, and [[policy]] %d has one gate", least, single+1), fmt.Sprintf("# in the configuration, or gates = 2 in that [[policy]]:\n[password]\nmin_length = %d", singleFactorLength))
	default:
		sheet.Good(checkFactors, "[[policy]] %d has one, and passwords have %d characters", single+1, least)
	}
}

func (d *doctor) lookAtKeyring(sheet *finding.Sheet) {
	keys, err := keyring.Load(d.config.Keys.File)
	switch {
	case err == nil:
		d.keys = keys
		sheet.Good(checkKeyring, "%s", d.config.Keys.File)
	case errors.Is(err, fs.ErrNotExist):
		sheet.Fail(checkKeyring, err.Error(), "# restore it; where there never was one:\nlatchkey keys init")
	case errors.Is(err, keyring.ErrPermissions):
		sheet.Fail(checkKeyring, err.Error(), "chmod 600 "+finding.Quote(d.config.Keys.File))
	default:
		sheet.Fail(checkKeyring, err.Error()+advice(err), "")
	}
}

// lookAtAudit writes a file where the lines go: without them no password is
// written.
func (d *doctor) lookAtAudit(sheet *finding.Sheet) {
	dir := d.config.Audit.Dir
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err == nil {
		_, err = file.WriteString("latchkey doctor\n")
		err = errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name()))
	}
	if err != nil {
		sheet.Fail(checkAudit, "nothing can be written there, and without it no password is written: "+err.Error(),
			"install -d -o latchkey -g latchkey -m 0750 "+finding.Quote(d.config.Audit.Dir)+"; df -h "+finding.Quote(dir))
		return
	}
	sheet.Good(checkAudit, "%s can be written", d.config.Audit.Dir)
}

func (d *doctor) lookAtFreeze(sheet *finding.Sheet) {
	file := d.config.Server.FreezeFile
	if file == "" {
		sheet.Skip(checkFrozen, "not set", "")
		return
	}
	switch _, err := os.Lstat(file); {
	case err == nil:
		sheet.Warn(checkFrozen, "it is there: nobody can reset on this machine", "rm "+finding.Quote(file))
	case errors.Is(err, fs.ErrNotExist):
		sheet.Good(checkFrozen, "not there")
	default:
		sheet.Fail(checkFrozen, err.Error(), "")
	}
}
