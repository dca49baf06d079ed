package web

import (
	"net/http"

	"latchkey/resetapi/problem"
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
	content := rulesPage(s.speech(r), rules, view)
	if r.URL.Query().Get("notice") == noticeNotSet {
		content.Notice = "notice." + noticeNotSet
	}
	s.renderPassword(w, r, http.StatusOK, content)
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
	if fault, field := passwordFault(fields["password"], fields["again"]); fault != "" {
		return s.passwordAgain(w, r, problem.Of(problem.PasswordRefused, ""), alert{s.speech(r).T(fault), field})
	}
	view, err := s.recoveries.SetPassword(r.Context(), ticket, fields["password"])
	if err == nil {
		seeOther(w, r, pathOf(view.Step))
		return nil
	}
	p := problem.From(err)
	switch p.Type {
	case problem.PasswordRefused:
		return s.passwordAgain(w, r, p, s.reasons(r, p.Reasons)...)
	case problem.Limited, problem.Unavailable:
		s.log(r, p, err)
		return s.passwordAgain(w, r, p, s.sentence(w, r, p, ""))
	default:
		return err
	}
}

// passwordFault is what this page itself finds before anybody is asked; it
// costs no try.
func passwordFault(password, again string) (key, field string) {
	switch {
	case password == "":
		return "password.missing", "password"
	case password != again:
		return "password.mismatch", "again"
	default:
		return "", ""
	}
}

// passwordAgain shows the form again, without the rules where they cannot be
// read just now.
func (s *Site) passwordAgain(w http.ResponseWriter, r *http.Request, p problem.Problem, alerts ...alert) error {
	content := passwordPage{}
	ticket, view, err := s.current(r)
	switch {
	case err != nil && p.Type != problem.Unavailable:
		return err
	case err == nil && view.Step != recovery.StepSetPassword:
		seeOther(w, r, pathOf(view.Step))
		return nil
	case err == nil:
		if rules, err := s.recoveries.PasswordRules(r.Context(), ticket); err == nil {
			content = rulesPage(s.speech(r), rules, view)
		}
	}
	s.renderPassword(w, r, p.Status, content, alerts...)
	return nil
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

func (s *Site) renderPassword(w http.ResponseWriter, r *http.Request, status int, content passwordPage, alerts ...alert) {
	s.render(w, r, status, "password", frame{
		Title: s.speech(r).T("password.title"), Stage: 3, Alerts: alerts, Content: content,
	})
}
