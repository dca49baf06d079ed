package serving

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/telemetry"
	"latchkey/internal/testenv"
	"latchkey/resetapi"
	"latchkey/resetapi/delivery"
)

// TestReadinessOnServers: each part that is away is named, and back when it is.
func TestReadinessOnServers(t *testing.T) {
	testenv.Need(t, "slapd", "redis-server")
	slapd := testenv.NewSlapd(t)
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	section := directory.Defaults()
	section.Name, section.Servers, section.CAFile, section.BaseDN = "main", []string{slapd.LDAPSURL}, slapd.CAFile, slapd.BaseDN
	section.BindDN, section.BindPassword = slapd.ServiceDN, setting.NewSecret(slapd.ServicePassword)
	d, err := directory.Open(section, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	s := storetest.Open(t, r)
	keys := keyring.Generate()
	if err := s.Init(t.Context(), keys.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	queue := delivery.NewQueue(s, keys, delivery.Defaults())
	metrics := telemetry.NewMetrics("test")
	metrics.QueueLength(queue.Len)
	var auditErr error
	ready := func() (int, string) {
		o := resetapi.NewOperation(readiness(s, keys, []*directory.Directory{d}, queue, 1, func() error { return auditErr }),
			metrics, metrics.Handler(), slog.New(slog.DiscardHandler))
		w := httptest.NewRecorder()
		o.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return w.Code, w.Body.String()
	}
	want := func(when string, status int, red ...string) {
		t.Helper()
		code, body := ready()
		if code != status || strings.Count(body, `"ok":false`) != len(red) {
			t.Errorf("%s: %d %s", when, code, body)
		}
		for _, name := range red {
			if !strings.Contains(body, `"name":"`+name+`","ok":false`) {
				t.Errorf("%s: %s is not red: %s", when, name, body)
			}
		}
	}
	want("at first", 200)
	auditErr = errors.New("disk full")
	want("audit", 503, "audit")
	auditErr = nil
	slapd.Stop()
	want("without the directory", 503, "directory main")
	if err := slapd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := queue.Add(t.Context(), delivery.Job{}); err != nil {
		t.Fatal(err)
	}
	want("a full queue", 503, "delivery queue")
	if _, err := r.Admin(t.Context(), "FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	want("without its content", 503, "redis")
	r.Kill()
	want("without Redis", 503, "redis", "delivery queue")
	if err := s.Healthy(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("healthy says %v", err)
	}
}

// TestListenPublic speaks https with a certificate and http without.
func TestListenPublic(t *testing.T) {
	files, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := resetapi.Defaults()
	c.Listen, c.CertFile, c.KeyFile = "127.0.0.1:0", files.CertFile, files.KeyFile
	listener, certificate, err := listenPublic(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil || certificate == nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(listener)
	defer server.Close()
	answer, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); !strings.Contains(string(text), "HTTPS server") {
		t.Errorf("plain HTTP is answered %q", text)
	}
	c.CertFile, c.KeyFile = "", ""
	plain, certificate, err := listenPublic(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil || certificate != nil {
		t.Fatalf("without a certificate: %v, %v", certificate, err)
	}
	plain.Close()
}

// TestListenPrivate: without an address there is no listener, and one that is
// taken is told at the start.
func TestListenPrivate(t *testing.T) {
	if listener, err := listenPrivate(t.Context(), ""); listener != nil || err != nil {
		t.Errorf("without an address: %v, %v", listener, err)
	}
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	if listener, err := listenPrivate(t.Context(), taken.Listener.Addr().String()); err == nil {
		listener.Close()
		t.Error("two listeners on one port")
	}
}
