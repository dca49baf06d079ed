package writeback

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/setting"
)

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// A card and an entry decide alone. Contacts are written "source value", what is
// known of the directory "state value age", steps "+value" and "-value".
func TestDecide(t *testing.T) {
	const n, other = "+493012345678", "+491709876543"
	for name, test := range map[string]struct {
		contacts, written, entry string
		steps, after             string
		idle                     bool
	}{
		"nothing":                               {idle: true},
		"new":                                   {contacts: "registered " + n, steps: "+" + n, after: "intended " + n},
		"there already":                         {contacts: "registered " + n, entry: n},
		"there in another spelling":             {contacts: "registered " + n, entry: "+49 (0)30 1234-5678"},
		"by staff":                              {contacts: "staff " + n, idle: true},
		"from the directory":                    {contacts: "sync " + n, entry: n, idle: true},
		"done":                                  {contacts: "registered " + n, written: "written " + n + " 1h", entry: n, after: "written " + n, idle: true},
		"taken away by others":                  {contacts: "registered " + n, written: "written " + n + " -1h", after: "written " + n, idle: true},
		"taken away by others and given again":  {contacts: "registered " + n, written: "written " + n + " 1h", steps: "+" + n, after: "intended " + n, idle: true},
		"rewritten by others and given again":   {contacts: "registered " + n, written: "written " + n + " 1h", entry: "+49 30 12345678", after: "written " + n, idle: true},
		"given by staff now":                    {contacts: "staff " + n, written: "written " + n + " 1h", entry: n, after: "written " + n, idle: true},
		"gone from the card":                    {written: "written " + n + " 1h", entry: n, steps: "-" + n, after: "written " + n},
		"kept by nothing but what was read":     {contacts: "sync " + n, written: "written " + n + " 1h", entry: n, steps: "-" + n, after: "written " + n},
		"gone from both":                        {written: "written " + n + " 1h", after: "intended " + n},
		"gone, and rewritten by others":         {written: "written " + n + " 1h", entry: "+49 30 12345678", after: "intended " + n},
		"one goes and one comes":                {contacts: "registered " + other, written: "written " + n + " 1h", entry: n, steps: "-" + n + " +" + other, after: "written " + n + " intended " + other},
		"open, and it came":                     {contacts: "registered " + n, written: "intended " + n + " 1m", entry: n, after: "written " + n},
		"open, and it did not come":             {contacts: "registered " + n, written: "intended " + n + " 1m", steps: "+" + n, after: "intended " + n},
		"open, and others were faster":          {contacts: "registered " + n, written: "intended " + n + " 1m", entry: "+49 30 12345678"},
		"open and given up, and it came":        {written: "intended " + n + " 1m", entry: n, steps: "-" + n, after: "written " + n},
		"open and given up, and may come":       {written: "intended " + n + " 1m", after: "intended " + n},
		"open and given up long ago":            {written: "intended " + n + " 25h"},
		"taken away a while ago":                {written: "withdrawn " + n + " 1h", after: "withdrawn " + n},
		"taken away, and others wrote it since": {written: "withdrawn " + n + " 1h", entry: n, after: "withdrawn " + n},
		"taken away long ago":                   {written: "withdrawn " + n + " 25h"},
		"taken away and wanted again":           {contacts: "registered " + n, written: "withdrawn " + n + " 1h", steps: "+" + n, after: "intended " + n},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan{config: Config{Mobile: "mobile", Sources: Defaults().Sources}, now: noon, fence: 7}
			card := contact.Card{}
			for fields := strings.Fields(test.contacts); len(fields) > 1; fields = fields[2:] {
				card.Contacts = append(card.Contacts, contact.Contact{Kind: contact.Mobile, Value: fields[1], Source: contact.Source(fields[0]), AddedAt: noon.Add(-time.Minute)})
			}
			for fields := strings.Fields(test.written); len(fields) > 2; fields = fields[3:] {
				age, err := time.ParseDuration(fields[2])
				if err != nil {
					t.Fatal(err)
				}
				card.Written = append(card.Written, contact.Written{Attribute: "mobile", Kind: contact.Mobile, Value: fields[1], State: contact.WrittenState(fields[0]), At: noon.Add(-age)})
			}
			values := map[string][]string{}
			if test.entry != "" {
				values["mobile"] = []string{"not a number", test.entry}
			}
			if got := p.idle(card); got != test.idle {
				t.Errorf("idle: %v", got)
			}
			written, steps, _ := p.decide(card, values)
			var did, after []string
			for _, s := range steps {
				sign := "+"
				if s.remove {
					sign = "-"
				}
				did = append(did, sign+s.value.Value)
			}
			for _, w := range written {
				after = append(after, string(w.State)+" "+w.Value)
			}
			if got := strings.Join(did, " "); got != test.steps {
				t.Errorf("steps %q, want %q", got, test.steps)
			}
			if got := strings.Join(after, " "); got != test.after {
				t.Errorf("known after %q, want %q", got, test.after)
			}
		})
	}
}

// What rests is written when it may be used, and not before.
func TestDecideWaitsForWhatRests(t *testing.T) {
	p := plan{config: Config{Mobile: "mobile", Sources: Defaults().Sources}, now: noon}
	card := contact.Card{Contacts: []contact.Contact{{Kind: contact.Mobile, Value: "+493012345678", Source: contact.Registered, AddedAt: noon, UsableFrom: noon.Add(time.Hour)}}}
	_, steps, _ := p.decide(card, nil)
	if len(steps) != 0 || p.idle(card) || p.again(card) != time.Hour+time.Second {
		t.Errorf("while it rests: %+v, idle %v, again in %s", steps, p.idle(card), p.again(card))
	}
	p.now = noon.Add(time.Hour)
	if _, steps, _ = p.decide(card, nil); len(steps) != 1 || p.again(card) != 0 {
		t.Errorf("then: %+v, again in %s", steps, p.again(card))
	}
	card.Contacts[0].Unverified, p.now = true, noon
	if _, steps, _ = p.decide(card, nil); len(steps) != 0 || !p.idle(card) || p.again(card) != 0 {
		t.Errorf("while nobody confirmed it: %+v, idle %v, again in %s", steps, p.idle(card), p.again(card))
	}
}

// A contact that was taken away and entered again waits, whatever was written for
// the one before: that is not written again and stays known as ours, for a
// synchronization may still tell of it.
func TestDecideKeepsNothingForWhatWaits(t *testing.T) {
	const n = "+493012345678"
	rests := contact.Contact{Kind: contact.Mobile, Value: n, Source: contact.Registered, AddedAt: noon, UsableFrom: noon.Add(time.Hour)}
	awaits := rests
	awaits.Unverified, awaits.UsableFrom = true, noon
	p := plan{config: Config{Mobile: "mobile", Sources: Defaults().Sources}, now: noon}
	for name, test := range map[string]struct {
		state contact.WrittenState
		there bool
		steps int
		after contact.WrittenState
	}{
		"in the directory":        {contact.Placed, true, 1, contact.Placed}, // until it is taken away
		"taken away by others":    {contact.Placed, false, 0, contact.Intended},
		"taken away by us":        {contact.Withdrawn, false, 0, contact.Withdrawn},
		"taken away, read before": {contact.Withdrawn, true, 0, contact.Withdrawn},
		"not written yet":         {contact.Intended, false, 0, contact.Intended},
	} {
		for _, c := range []contact.Contact{rests, awaits} {
			card := contact.Card{
				Contacts: []contact.Contact{c},
				Written:  []contact.Written{{Attribute: "mobile", Kind: contact.Mobile, Value: n, State: test.state, At: noon.Add(-time.Minute)}},
			}
			values := map[string][]string{}
			if test.there {
				values["mobile"] = []string{n}
			}
			written, steps, _ := p.decide(card, values)
			if len(steps) != test.steps || slices.ContainsFunc(steps, func(s step) bool { return !s.remove }) {
				t.Errorf("%s: steps %+v", name, steps)
			}
			if len(written) != 1 || written[0].State != test.after {
				t.Errorf("%s: known after %+v, want %s", name, written, test.after)
			}
		}
	}
}

// What lies in an attribute that is not configured any more is not touched, and not
// forgotten.
func TestDecideLeavesOtherAttributes(t *testing.T) {
	card := contact.Card{Written: []contact.Written{{Attribute: "pager", Kind: contact.Mobile, Value: "+493012345678", State: contact.Placed, At: noon}}}
	for _, config := range []Config{{Mobile: "mobile"}, {Email: "pager"}} {
		p := plan{config: config, now: noon}
		written, steps, _ := p.decide(card, map[string][]string{"pager": {"+493012345678"}})
		if len(written) != 1 || len(steps) != 0 || !p.idle(card) || p.again(card) != 0 {
			t.Errorf("%+v: %+v, %+v", config, written, steps)
		}
	}
}

func TestFaults(t *testing.T) {
	good := Config{BindDN: "cn=x", BindPassword: setting.NewSecret("x"), Email: "otherMailbox", Mobile: "mobile", Sources: []string{"registered", "staff", "import"}}
	if faults := append(Defaults().Faults(false), good.Faults(false)...); len(faults) > 0 {
		t.Errorf("%+v", faults)
	}
	for key, change := range map[string]func(*Config){
		"bind_dn":            func(c *Config) { c.BindDN = " " },
		"bind_password_file": func(c *Config) { c.BindPassword = setting.Secret{} },
		"email":              func(c *Config) { c.Email = "mail" },
		"email ":             func(c *Config) { c.Email = "RFC822mailbox" },
		"email  ":            func(c *Config) { c.Email = "userPassword" },
		"email   ":           func(c *Config) { c.Email, c.Mobile = "", "" },
		"mobile":             func(c *Config) { c.Mobile = "unicodePwd" },
		"mobile ":            func(c *Config) { c.Mobile = "OTHERMAILBOX" },
		"mobile  ":           func(c *Config) { c.Mobile = "mobile;x-1" },
		"sources":            func(c *Config) { c.Sources = []string{"sync"} },
		"sources ":           func(c *Config) { c.Sources = nil },
	} {
		c := good
		change(&c)
		if faults := c.Faults(false); len(faults) != 1 || faults[0].Key != strings.TrimSpace(key) {
			t.Errorf("%s: %+v", key, faults)
		}
	}
	good.Email = "mail"
	if faults := good.Faults(true); len(faults) > 0 {
		t.Errorf("allow_mail: %+v", faults)
	}
	if text := fmt.Sprintf("%+v", good.Account()); strings.Contains(text, "{x}") {
		t.Errorf("the password is printed: %s", text)
	}
}

// A refusal for want of rights is tried again soon, then ever less often.
func TestRestAfter(t *testing.T) {
	for since, want := range map[time.Duration]time.Duration{0: 15 * time.Minute, time.Hour: time.Hour, 1000 * time.Hour: 24 * time.Hour} {
		if got := restAfter(Refusal{Reason: ReasonRights, Since: noon.Add(-since)}, noon); got != want {
			t.Errorf("refused for %s: %s, want %s", since, got, want)
		}
	}
	if got := restAfter(Refusal{Reason: ReasonTaken, Since: noon}, noon); got != 24*time.Hour {
		t.Error(got)
	}
}

// What nobody wants any more and may come still is looked at every minute, and once
// more after a day; what was taken away is forgotten after a day.
func TestAgain(t *testing.T) {
	p := plan{config: Config{Mobile: "mobile", Sources: Defaults().Sources}, now: noon}
	for _, test := range []struct {
		state contact.WrittenState
		age   time.Duration
		held  bool
		want  time.Duration
	}{
		{contact.Intended, 0, false, time.Minute},
		{contact.Intended, 10 * time.Minute, false, 24*time.Hour - 10*time.Minute + time.Second},
		{contact.Intended, 25 * time.Hour, false, time.Second},
		{contact.Withdrawn, time.Hour, false, 23*time.Hour + time.Second},
		{contact.Placed, time.Hour, false, 0},
		{contact.Placed, time.Hour, true, 0},
	} {
		card := contact.Card{Written: []contact.Written{{Attribute: "mobile", Kind: contact.Mobile, Value: "+493012345678", State: test.state, At: noon.Add(-test.age)}}}
		if test.held {
			card.Contacts = []contact.Contact{{Kind: contact.Mobile, Value: "+493012345678", Source: contact.Staff}}
		}
		if got := p.again(card); got != test.want {
			t.Errorf("%s for %s: %s, want %s", test.state, test.age, got, test.want)
		}
	}
}
