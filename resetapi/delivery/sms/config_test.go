package sms

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/setting"
	"latchkey/resetapi/delivery"
)

func TestConfigFaults(t *testing.T) {
	good := Defaults()
	good.Countries, good.URL = []string{"DE"}, "https://sms.example.org/messages"
	for name, test := range map[string]struct {
		change func(*Config)
		keys   []string
	}{
		"nothing wrong":         {func(*Config) {}, nil},
		"off":                   {func(c *Config) { *c = Config{} }, nil},
		"nothing written":       {func(c *Config) { c.URL = "" }, []string{"url"}},
		"countries":             {func(c *Config) { c.Countries = []string{"DE", "de", "Germany", "001"} }, []string{"countries", "countries", "countries"}},
		"clear text":            {func(c *Config) { c.URL = "http://sms.example.org/" }, []string{"url"}},
		"clear text, private":   {func(c *Config) { c.URL, c.AllowPrivate = "http://10.0.0.1/", []string{"10.0.0.1"} }, []string{"url"}},
		"S60: the loopback":     {func(c *Config) { c.URL = "http://127.0.0.1:1/" }, []string{"url"}},
		"the loopback's name":   {func(c *Config) { c.URL = "http://localhost:1/" }, []string{"url"}},
		"listed":                {func(c *Config) { c.URL, c.AllowPrivate = "http://127.0.0.1:1/", []string{"127.0.0.0/8"} }, nil},
		"S60: metadata":         {func(c *Config) { c.URL = "https://169.254.169.254/" }, []string{"url"}},
		"mapped":                {func(c *Config) { c.URL = "https://[::ffff:10.0.0.1]/" }, []string{"url"}},
		"other scheme":          {func(c *Config) { c.URL = "ftp://sms.example.org/" }, []string{"url"}},
		"no address":            {func(c *Config) { c.URL = "sms.example.org" }, []string{"url"}},
		"user in it":            {func(c *Config) { c.URL = "https://u:p@sms.example.org/" }, []string{"url"}},
		"secret in the query":   {func(c *Config) { c.URL += "?key={secret}"; c.Secret = setting.NewSecret("x") }, []string{"url"}},
		"recipient in the path": {func(c *Config) { c.URL += "/{to}" }, []string{"url"}},
		"method":                {func(c *Config) { c.Method = "DELETE" }, []string{"method"}},
		"GET of nothing":        {func(c *Config) { c.Method = "GET" }, []string{"url"}},
		"GET":                   {func(c *Config) { c.Method, c.Body = "GET", ""; c.URL += "?to={digits}&text={text}" }, nil},
		"no text":               {func(c *Config) { c.Body = `{"to":"{to}"}` }, []string{"body"}},
		"no recipient":          {func(c *Config) { c.Body = `{"text":"{text}"}` }, []string{"body"}},
		"no JSON":               {func(c *Config) { c.Body = `{"to":{to},"text":{text}}` }, []string{"body"}},
		"no XML":                {func(c *Config) { c.ContentType, c.Body = typeXML, "<a>{to}{text}" }, []string{"body"}},
		"unknown placeholder":   {func(c *Config) { c.Body = `["{to}","{text}","{login}"]` }, []string{"body"}},
		"content type":          {func(c *Config) { c.ContentType = "text/plain" }, []string{"content_type"}},
		"no secret":             {func(c *Config) { c.Headers = []string{"X: {secret}"} }, []string{"secret_file"}},
		"headers": {func(c *Config) {
			c.Headers = []string{"X", "A B: c", "X: a\r\nY: b", "Host: x", "content-type: x", "X: {to}", "X-Good: {id}"}
		}, []string{"headers", "headers", "headers", "headers", "headers", "headers"}},
		"idempotency":      {func(c *Config) { c.IdempotencyHeader = "a b" }, []string{"idempotency_header"}},
		"secret of lines":  {func(c *Config) { c.Secret = setting.NewSecret("a\nb") }, []string{"secret_file"}},
		"what is private":  {func(c *Config) { c.AllowPrivate = []string{"10.0.0.0/33", "gw"} }, []string{"allow_private", "allow_private"}},
		"success":          {func(c *Config) { c.SuccessStatus = []int{200, 302} }, []string{"success_status"}},
		"no success":       {func(c *Config) { c.SuccessStatus = nil }, []string{"success_status"}},
		"timeout":          {func(c *Config) { c.Timeout = 0 }, []string{"timeout"}},
		"authorities gone": {func(c *Config) { c.CAFile = filepath.Join(os.DevNull, "x") }, []string{"ca_file"}},
	} {
		c := good
		test.change(&c)
		var keys []string
		for _, fault := range c.Faults() {
			keys = append(keys, fault.Key)
		}
		if slices.Sort(keys); !slices.Equal(keys, test.keys) {
			t.Errorf("%s: faults in %v, want %v", name, keys, test.keys)
		}
	}
}

// TestS60_Addresses: a connection is judged by the address that it goes to.
func TestS60_Addresses(t *testing.T) {
	c := Config{AllowPrivate: []string{"10.1.2.3", "fd00:1::/32", "::ffff:10.9.9.9"}}
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1": true, "::ffff:8.8.8.8": true,
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "fd00:1::5": true, "10.9.9.9": true,
		"10.1.2.4": false, "::ffff:10.1.2.4": false, "192.168.0.1": false, "172.16.0.1": false, "127.0.0.1": false, "::1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "fd00:2::1": false, "100.64.0.1": false, "0.0.0.0": false,
		"0.1.2.3": false, "::": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false, "64:ff9b::a00:1": false, "2002:a00:1::": false,
		"192.0.2.1": false, "240.0.0.1": false, "::10.0.0.1": false,
	} {
		ip := netip.MustParseAddr(address)
		if c.reachable(ip) != want {
			t.Errorf("%s: %v", address, !want)
		}
		if err := c.control("tcp", netip.AddrPortFrom(ip, 443).String(), nil); (err == nil) != want {
			t.Errorf("connect to %s: %v", address, err)
		}
	}
	if c.control("tcp", "sms.example.org:443", nil) == nil {
		t.Error("a name is taken for an address")
	}
}

// TestS60_NamesAreJudgedWhenTheyAreResolved: a name that leads inside is found
// out at the connection, by an allowed configuration's name too.
func TestS60_NamesAreJudgedWhenTheyAreResolved(t *testing.T) {
	server, c := newGateway(t)
	c.URL = strings.Replace(c.URL, "127.0.0.1", "localhost", 1)
	g := open(t, c, generous{})
	if err := g.Send(t.Context(), message()); err != nil {
		t.Errorf("listed: %v", err)
	}
	c.AllowPrivate = nil
	g.transport = c.transport(nil)
	if err := g.Send(t.Context(), message()); !errors.Is(err, delivery.ErrUnreachable) || !errors.Is(err, errNotPublic) {
		t.Errorf("not listed: %v", err)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
