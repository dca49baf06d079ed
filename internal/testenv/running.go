package testenv

import "syscall"

// running is a server that can be stopped and started again. The types of servers
// embed it; their own Start sets process.
type running struct{ process *process }

// Stop ends the server in good order and waits for it. It may be called twice.
func (r *running) Stop() {
	if r.process != nil {
		r.process.stop()
		r.process = nil
	}
}

// Kill ends the server at once, as a crash would.
func (r *running) Kill() {
	if r.process != nil {
		r.process.kill()
		r.process = nil
	}
}

// Pause makes the server hang: it keeps its connections, takes bytes, and answers
// nothing.
func (r *running) Pause() error { return r.process.pause() }

// Continue ends a pause. What arrived in between is carried out.
func (r *running) Continue() error { return r.process.signal(syscall.SIGCONT) }

// PID is the process of the server that runs.
func (r *running) PID() int { return r.process.cmd.Process.Pid }
