package pgtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/internal/pgrun"
)

// ask sends statements and gives the one text that the last one brings.
func ask(t *testing.T, url, statement string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
	if err != nil {
		return "", err
	}
	return string(results[len(results)-1].Rows[0][0]), nil
}

func must(t *testing.T, url, statement string) string {
	t.Helper()
	text, err := ask(t, url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return text
}

func TestNewIsFreshAndDropped(t *testing.T) {
	var urls []string
	for range 2 {
		t.Run("", func(t *testing.T) {
			url := New(t)
			urls = append(urls, url)
			must(t, url, "CREATE TABLE kept AS SELECT 'one'::text AS word; SELECT word FROM kept")
		})
	}
	if len(urls) == 0 {
		return // skipped
	}
	if urls[0] == urls[1] {
		t.Fatalf("both tests got %s", urls[0])
	}
	for _, url := range urls {
		if _, err := ask(t, url, "SELECT 'there'"); err == nil || !strings.Contains(err.Error(), "3D000") {
			t.Errorf("%s is still there: %v", url, err)
		}
	}
}

func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	s := Start(t, Options{Durable: true, Settings: map[string]string{"application_name": "pgtest"}})
	url := s.URL("postgres")
	if got := must(t, url, "SELECT current_setting('fsync')||current_setting('application_name')"); got != "onpgtest" {
		t.Errorf("the settings are %s", got)
	}
	must(t, url, "CREATE TABLE kept (word text); SELECT 'made'")
	must(t, url, "INSERT INTO kept VALUES ('killed') RETURNING word")
	s.Kill()
	if _, err := ask(t, url, "SELECT 'there'"); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Run()
	for _, mode := range []string{"fast", "smart", "immediate"} {
		must(t, url, "INSERT INTO kept VALUES ('"+mode+"') RETURNING word")
		s.Stop(mode)
		s.Run()
	}
	if got := must(t, url, "SELECT string_agg(word, ' ') FROM kept"); got != "killed fast smart immediate" {
		t.Errorf("it kept %q", got)
	}
}

// TestNothingIsLeft kills a process that has a server.
func TestNothingIsLeft(t *testing.T) {
	if os.Getenv("PGTEST_CHILD") != "" {
		New(t)
		os.Stdout.WriteString("started\n")
		select {}
	}
	if _, err := pgrun.Find(); err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNothingIsLeft$")
	temp, err := os.MkdirTemp("", "scrip-pgtest-") // t.TempDir is closed to nobody
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "PGTEST_CHILD=1", "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := out.Read(make([]byte, 100)); n == 0 {
		t.Fatalf("it does not start: %v", err)
	}
	data, err := filepath.Glob(temp + "/scrip-postgres-*/data/postmaster.pid")
	if err != nil || len(data) != 1 {
		t.Fatalf("there are the servers %v (%v)", data, err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for end := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		left, err := filepath.Glob(temp + "/*")
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v are left", left)
		}
	}
}
