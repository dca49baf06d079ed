package testenv

// AdminPassword is the password of the Directory Manager, for commands that a
// test runs as an administrator does.
func (s *DS389) AdminPassword() string { return s.adminPassword }
