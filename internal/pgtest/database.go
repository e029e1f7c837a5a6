package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/internal/pgrun"
)

// wait bounds every question to a server.
const wait = 30 * time.Second

// shared is the server of this process, started when it is first asked for. It
// forgets what it has when the machine fails, which no test of it sees.
var shared = sync.OnceValues(func() (*pgrun.Server, error) {
	return launch(Options{Settings: map[string]string{"max_connections": "300"}})
})

// New gives the URL of a fresh database, which is dropped when the test ends.
// Its server is shared by the process and does not wait for the disk.
func New(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if errors.Is(err, pgrun.ErrMissing) {
		t.Skip(err.Error())
	}
	if err != nil {
		t.Fatalf("PostgreSQL does not start: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text()[:12])
	if err := run(s, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatalf("cannot create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := run(s, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("cannot drop the database %s: %v", name, err)
		}
	})
	return s.URL(name)
}

func run(s *pgrun.Server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}
