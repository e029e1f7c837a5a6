package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What is linked in says its version, and SQLite is not older than 3.51.3.
//
// SC-04.
func TestVersionsAreTold(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), []string{"version", "--json"}, strings.NewReader(""), &out, io.Discard); code != 0 {
		t.Fatalf("exit %d", code)
	}
	var v struct{ Version, Go, SQLite, TZData string }
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	number := 0
	for _, part := range strings.Split(v.SQLite, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatalf("sqlite is of version %q", v.SQLite)
		}
		number = number*1000 + n
	}
	if number < 3_051_003 || !strings.HasPrefix(v.Go, "go1.") || v.Version == "" || v.TZData == "" {
		t.Errorf("the versions are %+v", v)
	}
	if _, err := time.LoadLocation("America/Santiago"); err != nil {
		t.Errorf("time zones are not there: %v", err)
	}
}

// Nothing that is for debugging answers, and a gateway whose config says
// nothing else listens on this machine alone.
//
// SC-05.
func TestNoDebugEndpoints(t *testing.T) {
	a := openPlain(t)
	host, _, err := net.SplitHostPort(a.config.Listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		t.Errorf("it listens on %q unless told otherwise", a.config.Listen)
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/debug/requests", "/debug", "/pprof", "/_sandbox/state", "/v1/debug"} {
		rec := httptest.NewRecorder()
		a.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if rec.Code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, rec.Code)
		}
	}
}

// nobody is the user that has no rights, where a test runs as root.
const nobody = 65534

// asNobody runs the program without rights: as another user when this one is
// root, with an empty environment but for what is given.
func asNobody(t *testing.T, program, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, env
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}}
	}
	return cmd
}

// A gateway needs no right but to write beside its database: its folder, its
// program and its config are not its own, and it has neither home nor a
// folder for what is temporary.
//
// SC-06.
func TestRunsWithoutRights(t *testing.T) {
	root, err := os.MkdirTemp("", "scrip-rights-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	need := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	program, err := exec.LookPath("scrip")
	need(err)
	raw, err := os.ReadFile(program)
	need(err)
	program = filepath.Join(root, "scrip")
	need(os.WriteFile(program, raw, 0o755))
	data, work := filepath.Join(root, "data"), filepath.Join(root, "work")
	need(os.Mkdir(data, 0o700))
	need(os.Mkdir(work, 0o755))
	if os.Geteuid() == 0 {
		need(os.Chown(data, nobody, nobody))
	}
	port := freePort(t)
	config := fmt.Sprintf("version: 1\nstorage: sqlite:%s/scrip.db\nlisten: 127.0.0.1:%s\nunit: {code: credits, scale: 2}\n", data, port)
	need(os.WriteFile(filepath.Join(work, "scrip.yaml"), []byte(config), 0o644))
	need(os.Chmod(root, 0o755))
	need(os.Chmod(work, 0o555))

	serve := asNobody(t, program, work, []string{"SCRIP_ADMIN_KEY=scrip_admin_of_nobody", "TMPDIR=/nowhere"}, "serve")
	words := &lockedBuffer{}
	serve.Stderr = words
	need(serve.Start())
	env := []string{"SCRIP_URL=http://127.0.0.1:" + port, "SCRIP_KEY=scrip_admin_of_nobody"}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(env[0][len("SCRIP_URL="):] + "/readyz"); err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the gateway does not serve: %s", words)
		}
	}
	for _, args := range [][]string{{"customer", "put", "ann"}, {"grant", "create", "ann", "5", "--key", "g"}, {"debit", "create", "ann", "2", "--key", "d"}, {"balance", "ann"}} {
		if out, err := asNobody(t, program, work, env, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
	for _, args := range [][]string{{"backup", filepath.Join(data, "copy.db")}, {"audit"}, {"doctor", "--offline"}} {
		if out, err := asNobody(t, program, work, nil, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
	need(serve.Process.Signal(syscall.SIGTERM))
	if err := serve.Wait(); err != nil {
		t.Errorf("the gateway ended with %v: %s", err, words)
	}
	left, err := os.ReadDir(work)
	if err != nil || len(left) != 1 {
		t.Errorf("beside the config there are %v, %v", left, err)
	}
}
