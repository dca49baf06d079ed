package web

import (
	"net/http"

	"latchkey/resetapi/recovery"
)

// The paths of the pages. None of them carries an id or a secret but the last:
// the link in a notice, which can stop self-service for one account and do
// nothing else.
const (
	pathStart    = "/"
	pathVerify   = "/verify"
	pathSend     = "/verify/send"
	pathCode     = "/verify/code"
	pathPassword = "/password"
	pathUnlock   = "/unlock"
	pathChange   = "/change"
	pathChanged  = "/change/done"
	pathDone     = "/done"
	pathEnded    = "/ended"
	pathGiveUp   = "/give-up"
	pathSupport  = "/support"
	pathSent     = "/support/sent"
	pathNotMe    = "/not-me/{link}"
)

// The notices that a redirect may ask the next page for. Any other is ignored.
const (
	noticeNoRecovery = "no_recovery"
	noticeNotSet     = "not_set"
)

// pathOf is the page on which a recovery goes on.
func pathOf(step recovery.Step) string {
	switch step {
	case recovery.StepVerify:
		return pathVerify
	case recovery.StepSetPassword:
		return pathPassword
	case recovery.StepSettling, recovery.StepDone:
		return pathDone
	case recovery.StepEnded:
		return pathEnded
	default:
		return pathStart
	}
}

// pageOf is the page on which the form stands that is sent to a path. Giving up
// is offered on several; that path itself leads to the right one.
func pageOf(path string) string {
	switch path {
	case pathSend, pathCode:
		return pathVerify
	case pathUnlock:
		return pathPassword
	default:
		return path
	}
}

// seeOther sends the browser on by GET, to one of the paths above.
func seeOther(w http.ResponseWriter, r *http.Request, path string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, path, http.StatusSeeOther)
}
