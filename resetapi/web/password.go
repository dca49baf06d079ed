package web

import (
	"net/http"

	"latchkey/resetapi/recovery"
)

type passwordPage struct {
	Notice string
	// Rules are the sentences of what the new password must satisfy, Young one
	// about when it may be changed at all.
	Rules []string
	Young string
	Lasts string
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
	if view.Step == recovery.StepDone {
		s.remember(w, r, ticket)
	}
	s.lead(w, r, pathOf(view.Step), 0)
	return nil
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
	var page passwordPage
	if rules.MinLength > 0 {
		page.Rules = append(page.Rules, speech.T("rules.min_length", "n", rules.MinLength))
	}
	if rules.MaxLength > 0 {
		page.Rules = append(page.Rules, speech.T("rules.max_length", "n", rules.MaxLength))
	}
	if rules.History > 0 {
		page.Rules = append(page.Rules, speech.T("rules.history", "n", rules.History))
	}
	if rules.QualityChecked {
		page.Rules = append(page.Rules, speech.T("rules.quality"))
	}
	if wait := rules.ChangeableAt.Sub(view.Now); !rules.ChangeableAt.IsZero() && wait > 0 {
		page.Young = speech.T("rules.young", "wait", speech.Wait(wait))
	}
	page.Lasts = speech.Lasts(view.ExpiresAt.Sub(view.Now))
	return page
}
