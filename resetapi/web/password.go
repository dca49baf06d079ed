package web

import (
	"net/http"

	"latchkey/resetapi/recovery"
)

type passwordPage struct {
	Notice string
	// MustFinish tells that the old password is dead already.
	MustFinish bool
	// Rules are the sentences of what the new password must satisfy, Young one
	// about when it may be changed at all.
	Rules []string
	Young string
	// Locked tells that the account can be unlocked instead.
	Locked bool
	Lasts  string
}

// showPassword tells the rules and asks for the new password.
func (s *Site) showPassword(w http.ResponseWriter, r *http.Request) error {
	ticket, view, err := s.current(r)
	if err != nil {
		return err
	}
	if view.Step != recovery.StepSetPassword {
		seeOther(w, r, pathOf(view.Step))
		return nil
	}
	rules, err := s.recoveries.PasswordRules(r.Context(), ticket)
	if err != nil {
		return err
	}
	speech := s.speech(r)
	content := rulesPage(speech, rules, view)
	if r.URL.Query().Get("notice") == noticeNotSet {
		content.Notice = "notice." + noticeNotSet
	}
	s.render(w, r, http.StatusOK, "password", frame{
		Title: speech.T("password.title"), Stage: 3, Alerts: s.alerts(r), Content: content,
	})
	return nil
}

// setPassword writes the new password. What was typed is never shown again.
func (s *Site) setPassword(w http.ResponseWriter, r *http.Request) error {
	ticket, ok := s.ticket(r)
	if !ok {
		return recovery.ErrNoRecovery
	}
	fields, err := form(w, r, "password", "again")
	if err != nil {
		return err
	}
	if fault := passwordFault(fields["password"], fields["again"]); fault != "" {
		s.again(w, r, 0, fault)
		return nil
	}
	view, err := s.recoveries.SetPassword(r.Context(), ticket, fields["password"])
	if err != nil {
		return err
	}
	s.leadOn(w, r, ticket, view)
	return nil
}

// leadOn shows what comes of a write, and remembers the browser in which a
// recovery was done.
func (s *Site) leadOn(w http.ResponseWriter, r *http.Request, ticket recovery.Ticket, view recovery.View) {
	if view.Step == recovery.StepDone {
		s.remember(w, r, ticket)
	}
	s.lead(w, r, pathOf(view.Step), 0)
}

// passwordFault is the key of what this page itself finds before anybody is
// asked, if anything; it costs no try.
func passwordFault(password, again string) string {
	switch {
	case password == "":
		return "password.missing"
	case password != again:
		return "password.mismatch"
	default:
		return ""
	}
}

func rulesPage(speech *speech, rules recovery.PasswordRules, view recovery.View) passwordPage {
	page := passwordPage{Rules: ruleSentences(speech, rules), Locked: rules.Locked, MustFinish: view.MustFinish}
	if wait := rules.ChangeableAt.Sub(view.Now); !rules.ChangeableAt.IsZero() && wait > 0 {
		page.Young = speech.T("rules.young", "wait", speech.Wait(wait))
	}
	page.Lasts = speech.Lasts(view.ExpiresAt.Sub(view.Now))
	return page
}

// ruleSentences say what a new password must be.
func ruleSentences(speech *speech, rules recovery.PasswordRules) []string {
	var said []string
	count := func(key string, n int) {
		if n > 0 {
			said = append(said, speech.T(key, "n", n))
		}
	}
	count("rules.min_length", rules.MinLength)
	count("rules.max_length", rules.MaxLength)
	count("rules.classes", rules.Classes)
	count("rules.history", rules.History)
	for _, rule := range []struct {
		key   string
		holds bool
	}{{"rules.no_names", rules.NoNames}, {"rules.dictionary", rules.Dictionary}, {"rules.quality", rules.QualityChecked}} {
		if rule.holds {
			said = append(said, speech.T(rule.key))
		}
	}
	return said
}
