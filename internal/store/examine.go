package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/finding"
	"latchkey/internal/setting"
)

// The checks of Redis, beside those of package finding.
const (
	checkReached  = "reachable"
	checkVersion  = "version"
	checkClock    = "clock"
	checkRole     = "takes writes"
	checkEviction = "evicts nothing"
	checkDisk     = "keeps on disk"
	checkRights   = "rights"
	checkPassword = "closed to strangers"
	checkMark     = "initialized"
)

func checks() []string {
	return []string{
		checkReached, finding.TLS, finding.Certificate, checkVersion, checkClock, checkRole, checkEviction, checkDisk,
		checkRights, checkPassword, checkMark,
	}
}

// Examine looks at all that Check does, each by itself. The fingerprint is that
// of the keyring; empty where there is none.
func (s *Store) Examine(ctx context.Context, fingerprint string) []finding.Finding {
	x := &examiner{s: s, sheet: finding.NewSheet("redis, "+s.config.Mode+", "+strings.Join(s.config.Addresses, " "), checks()...)}
	if !x.reach(ctx) {
		return x.sheet.Findings("not tried: Redis does not answer")
	}
	x.lookAtServers(ctx)
	x.lookAtClock(ctx)
	x.lookAtRights(ctx)
	x.lookAtMark(ctx, fingerprint)
	return x.sheet.Findings("not tried: the checks before it failed")
}

type examiner struct {
	s     *Store
	sheet *finding.Sheet
}

// admin is a command for an administrator of Redis.
func (x *examiner) admin(command string) string {
	address := x.s.config.Addresses[0]
	line := "redis-cli"
	if path, local := unixPath(address); local {
		line += " -s " + finding.Quote(path)
	} else if host, port, err := net.SplitHostPort(address); err == nil && x.s.config.Mode != ModeSentinel {
		line += " -h " + finding.Quote(host) + " -p " + finding.Quote(port)
	}
	if x.s.config.TLS {
		line += " --tls"
		if x.s.config.CAFile != "" {
			line += " --cacert " + finding.Quote(x.s.config.CAFile)
		}
	}
	return line + " " + command
}

const asAdministrator = "# as a user of Redis who may administer it (--user, --askpass)\n"

// keep makes a setting outlive a restart too.
func (x *examiner) keep(setting string) string {
	return asAdministrator + x.admin("CONFIG SET "+setting) + "\n" + x.admin("CONFIG REWRITE")
}

func (x *examiner) reach(ctx context.Context) bool {
	x.lookAtTLS(ctx)
	err := x.s.Ping(ctx).Err()
	switch {
	case err == nil:
		x.sheet.Good(checkReached, "it answers")
		return true
	case redis.HasErrorPrefix(err, "WRONGPASS"), redis.HasErrorPrefix(err, "NOAUTH"):
		x.sheet.Fail(checkReached, "it does not let in: "+err.Error(), "# write the password of password_file without its being in the history of the shell\n"+
			asAdministrator+x.admin("ACL SETUSER "+finding.Quote(x.s.config.Username)+" on resetpass \">$(cat "+finding.Quote(x.s.config.PasswordFile)+")\""))
	default:
		x.sheet.Fail(checkReached, err.Error(), "# where Redis runs:\nss -ltn; systemctl status redis-server")
	}
	return false
}

// lookAtTLS makes a handshake of its own, for the certificate.
func (x *examiner) lookAtTLS(ctx context.Context) {
	address := x.s.config.Addresses[0]
	_, local := unixPath(address)
	switch {
	case local || !x.s.config.TLS && setting.Loopback(address):
		x.sheet.Skip(finding.TLS, "off, and Redis is on this machine", "")
		x.sheet.Skip(finding.Certificate, "off, and Redis is on this machine", "")
		return
	case !x.s.config.TLS:
		x.sheet.Fail(finding.TLS, "off, and Redis is not on this machine", "# in the configuration:\n[redis]\ntls = true")
		return
	}
	x.sheet.Look = "openssl s_client -connect " + finding.Quote(address)
	trust, err := tlsConfig(x.s.config.CAFile)
	if err != nil {
		x.sheet.Fail(finding.TLS, err.Error(), "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, x.s.config.Timeout.Std())
	defer cancel()
	c, err := (&tls.Dialer{Config: trust}).DialContext(ctx, "tcp", address)
	if err != nil {
		if !x.sheet.Untrusted(err, time.Now()) {
			x.sheet.Fail(finding.TLS, err.Error(), "")
		}
		return
	}
	defer c.Close()
	if encrypted, ok := c.(*tls.Conn); ok {
		x.sheet.Encrypted(encrypted.ConnectionState(), time.Now())
	}
}

// lookAtServers judges every server that takes writes.
func (x *examiner) lookAtServers(ctx context.Context) {
	var err error
	if cluster, ok := x.s.UniversalClient.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			return x.lookAtServer(ctx, master)
		})
	} else {
		err = x.lookAtServer(ctx, x.s.UniversalClient)
	}
	if err != nil {
		x.sheet.Fail(checkRights, err.Error(), x.grant())
	}
}

func (x *examiner) lookAtServer(ctx context.Context, server redis.Cmdable) error {
	info, err := serverInfo(ctx, server)
	if err != nil {
		return err
	}
	if version := info["redis_version"]; atLeast(version, 6, 2) {
		x.sheet.Good(checkVersion, "%s", version)
	} else {
		x.sheet.Fail(checkVersion, version+"; 6.2 or newer is needed", "")
	}
	if info["role"] == "slave" {
		x.sheet.Fail(checkRole, "it is a replica of "+net.JoinHostPort(info["master_host"], info["master_port"]), "# in the configuration, the master:\n[redis]\naddresses = ["+fmt.Sprintf("%q", net.JoinHostPort(info["master_host"], info["master_port"]))+"]")
	} else {
		x.sheet.Good(checkRole, "it is a master")
	}
	if policy := info["maxmemory_policy"]; policy == "noeviction" {
		x.sheet.Good(checkEviction, "noeviction")
	} else {
		x.sheet.Fail(checkEviction, policy+": counters that guard accounts would be dropped when memory runs short", x.keep("maxmemory-policy noeviction"))
	}
	switch {
	case info["aof_enabled"] == "1":
		x.sheet.Good(checkDisk, "append-only file")
	case x.s.config.AllowVolatile:
		x.sheet.Warn(checkDisk, "a restart loses all contacts, which allow_volatile allows", x.keep("appendonly yes"))
	default:
		x.sheet.Fail(checkDisk, "a restart loses all contacts and counters", x.keep("appendonly yes"))
	}
	return nil
}

func (x *examiner) lookAtClock(ctx context.Context) {
	if theirs, err := x.s.Time(ctx).Result(); err == nil {
		x.sheet.Clock(checkClock, theirs, time.Now(), time.Millisecond)
	}
}

// grant gives the rights of the guide.
func (x *examiner) grant() string {
	user := x.s.config.Username
	if user == "" {
		user = "default"
	}
	return asAdministrator + x.admin("ACL SETUSER "+finding.Quote(user)+" '~latchkey:*' resetchannels '&latchkey:*' -@all "+
		"+@connection +@keyspace +@string +@hash +@set +@sortedset +@stream +@transaction -@admin -@dangerous "+
		"+info +time +eval +evalsha '+script|load' '+script|exists'") + "\n" + x.admin("ACL SAVE # or CONFIG REWRITE, where the users are in redis.conf")
}

func (x *examiner) lookAtRights(ctx context.Context) {
	if err := x.s.checkCommands(ctx); err != nil {
		fix := ""
		if errors.Is(err, ErrCommands) {
			fix = x.grant()
		}
		x.sheet.Fail(checkRights, err.Error(), fix)
	} else if !x.sheet.Told(checkRights) {
		x.sheet.Good(checkRights, "all commands that are needed")
	}
	if x.s.config.Mode != ModeSingle || setting.Loopback(x.s.config.Addresses[0]) {
		x.sheet.Skip(checkPassword, "not tried on this machine, nor with sentinel or cluster", "")
		return
	}
	switch err := x.s.tryWrongPassword(ctx); {
	case errors.Is(err, ErrOpenUser):
		x.sheet.Fail(checkPassword, "any password is taken (nopass)", asAdministrator+x.admin("ACL SETUSER "+finding.Quote(x.s.config.Username)+" resetpass \">$(cat "+finding.Quote(x.s.config.PasswordFile)+")\""))
	case err != nil:
		x.sheet.Skip(checkPassword, err.Error(), "")
	default:
		x.sheet.Good(checkPassword, "a wrong password is refused")
	}
}

func (x *examiner) lookAtMark(ctx context.Context, fingerprint string) {
	if fingerprint == "" {
		x.sheet.Skip(checkMark, "not tried: there is no keyring", "")
		return
	}
	switch err := x.s.checkMeta(ctx, fingerprint); {
	case errors.Is(err, ErrNotInitialized):
		x.sheet.Fail(checkMark, "it is not initialized, or has lost its content", "# once you know which:\nlatchkey store init")
	case errors.Is(err, ErrOtherKeyring):
		x.sheet.Fail(checkMark, "it was initialized with another keyring", "# restore the keyring that belongs to it, then:\nlatchkey keys status")
	case err != nil:
		x.sheet.Fail(checkMark, err.Error(), "")
	default:
		x.sheet.Good(checkMark, "by this keyring")
	}
}
