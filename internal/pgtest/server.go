package pgtest

import (
	"errors"
	"testing"

	"scrip/internal/pgrun"
)

// Options say what a server of a test's own is like.
type Options struct {
	Durable  bool              // it waits for the disk, as in production
	Settings map[string]string // of postgresql.conf, over what is chosen here
}

// Server is a PostgreSQL of a test's own. Its methods report what fails as the
// test's failure and may be called from any goroutine, one at a time.
type Server struct {
	t   testing.TB
	run *pgrun.Server
}

// Start makes a server of the test's own and runs it. It ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := launch(o)
	if errors.Is(err, pgrun.ErrMissing) {
		t.Skip(err.Error())
	}
	if err != nil {
		t.Fatalf("PostgreSQL does not start: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Errorf("PostgreSQL does not stop: %v", err)
		}
	})
	return &Server{t, s}
}

func launch(o Options) (*pgrun.Server, error) {
	settings := map[string]string{"fsync": "off", "full_page_writes": "off"}
	if o.Durable {
		settings = map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
	}
	for name, value := range o.Settings {
		settings[name] = value
	}
	return pgrun.Launch(settings)
}

// URL names a database of the server; "postgres" is always there.
func (s *Server) URL(db string) string { return s.run.URL(db) }

// Run starts the server again on the same data and port, and waits until it
// answers. Where it runs nothing happens.
func (s *Server) Run() {
	s.t.Helper()
	if err := s.run.Run(); err != nil {
		s.t.Errorf("PostgreSQL does not start again: %v", err)
	}
}

// Stop ends the server in PostgreSQL's mode "smart" (when its clients have
// left), "fast" or "immediate" (as in a crash), and waits for it.
func (s *Server) Stop(mode string) {
	s.t.Helper()
	if err := s.run.Stop(mode); err != nil {
		s.t.Errorf("PostgreSQL does not stop: %v", err)
	}
}

// Kill ends all processes of the server with SIGKILL at once.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.run.Kill(); err != nil {
		s.t.Errorf("PostgreSQL cannot be killed: %v", err)
	}
}
