package config

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// expiryNotice is how long before its end a certificate is spoken of.
const expiryNotice = 30 * 24 * time.Hour

// expiries warns of certificates in files that end soon, or have ended.
func (c *Config) expiries(now time.Time) []string {
	files := [][2]string{{"server.cert_file", c.Server.CertFile}, {"redis.ca_file", c.Redis.CAFile}, {"mail.ca_file", c.Mail.CAFile}, {"sms.ca_file", c.SMS.CAFile}}
	for i, d := range c.Directories {
		files = append(files, [2]string{fmt.Sprintf("directory[%d].ca_file", i), d.CAFile})
	}
	var warnings []string
	for _, file := range files {
		end := firstEnd(file[1])
		switch day := end.UTC().Format(time.DateOnly); {
		case end.IsZero() || end.Sub(now) > expiryNotice:
		case end.Before(now):
			warnings = append(warnings, fmt.Sprintf("%s has a certificate that expired on %s; renew it", file[0], day))
		default:
			warnings = append(warnings, fmt.Sprintf("%s has a certificate that expires on %s; renew it before", file[0], day))
		}
	}
	return warnings
}

// firstEnd is when the first certificate of a file ends; zero where there is
// none. What is wrong with the file is told by the faults.
func firstEnd(path string) (end time.Time) {
	text, err := os.ReadFile(path)
	if path == "" || err != nil {
		return end
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err == nil && (end.IsZero() || certificate.NotAfter.Before(end)) {
			end = certificate.NotAfter
		}
	}
	return end
}
