package pgrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// wait bounds every question to a server.
const wait = 30 * time.Second

// Server is a throwaway PostgreSQL. Its methods may be called from any
// goroutine, one at a time.
type Server struct {
	bin, dir string
	port     int
	settings map[string]string
	run      *running
	guard    func()
}

// running is a server process that was started.
type running struct {
	process *os.Process
	ended   chan struct{}
}

// URL names a database of the server; "postgres" is always there.
func (s *Server) URL(db string) string {
	return fmt.Sprintf("postgres://scrip@127.0.0.1:%d/%s?sslmode=disable", s.port, db)
}

// Run starts a server that was stopped again on the same data and port, and
// waits until it answers. Where it runs nothing happens.
func (s *Server) Run() error { return s.start() }

// Stop ends the server in PostgreSQL's mode "smart" (when its clients have
// left), "fast" or "immediate" (as in a crash), and waits for it.
func (s *Server) Stop(mode string) error {
	signal, known := map[string]os.Signal{"smart": syscall.SIGTERM, "fast": syscall.SIGINT, "immediate": syscall.SIGQUIT}[mode]
	if !known {
		return fmt.Errorf("there is no mode %q: smart, fast or immediate", mode)
	}
	if s.run == nil {
		return nil
	}
	_ = s.run.process.Signal(signal) // it may just have ended
	err := s.run.wait()
	s.run = nil
	return err
}

// Kill ends all processes of the server with SIGKILL at once.
func (s *Server) Kill() error {
	if s.run == nil {
		return nil
	}
	// A stopped parent has no new children.
	_ = s.run.process.Signal(syscall.SIGSTOP)
	children := childrenOf(s.run.process.Pid)
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = s.run.process.Kill()
	err := s.run.wait()
	for _, pid := range children {
		err = errors.Join(err, gone(pid))
	}
	s.run = nil
	return err
}

// Remove ends the server and deletes its data.
func (s *Server) Remove() error {
	err := s.Stop("immediate")
	s.guard()
	return err
}

// Launch makes a data folder and runs a server on it with settings of
// postgresql.conf, beside PostgreSQL's own and those by which it can be thrown
// away. [ErrMissing] when PostgreSQL is not installed.
func Launch(settings map[string]string) (_ *Server, err error) {
	s := &Server{settings: settings}
	if s.bin, err = Find(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "scrip-postgres-"); err != nil {
		return nil, err
	}
	if who := credential(); who != nil {
		if err := os.Chown(s.dir, int(who.Uid), int(who.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(s.dir))
		}
	}
	if s.guard, err = guard(s.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	initdb := s.command("initdb", "--no-sync", "-A", "trust", "-U", "scrip", "-E", "UTF8", "--locale=C", "-D", filepath.Join(s.dir, "data"))
	if said, err := initdb.CombinedOutput(); err != nil {
		s.guard()
		return nil, fmt.Errorf("initdb: %w: %s", err, said)
	}
	if err := s.start(); err != nil {
		s.guard()
		return nil, err
	}
	return s, nil
}

// start runs the server. Its first start chooses the port: one below those
// that systems give to outgoing connections, which could be taken while the
// server is down.
func (s *Server) start() error {
	if s.run != nil {
		return nil
	}
	if s.port != 0 {
		return s.listen()
	}
	var err error
	for range 20 {
		s.port = 15000 + rand.IntN(15000)
		probe, busy := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
		if busy != nil {
			err = busy
			continue
		}
		_ = probe.Close()
		if err = s.listen(); err == nil {
			return nil
		}
	}
	return err
}

// listen runs the server process and waits until it answers.
func (s *Server) listen() error {
	args := []string{"-D", filepath.Join(s.dir, "data")}
	for name, value := range s.all() {
		args = append(args, "-c", name+"="+value)
	}
	cmd := s.command("postgres", args...)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	r := &running{cmd.Process, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(r.ended)
	}()
	if err := s.answers(r); err != nil {
		_ = r.process.Signal(syscall.SIGQUIT)
		return errors.Join(err, r.wait())
	}
	s.run = r
	return nil
}

func (s *Server) all() map[string]string {
	settings := map[string]string{
		"port": strconv.Itoa(s.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
		"timezone": "UTC", "log_timezone": "UTC",
		// What a killed server leaves lies in its own folder.
		"dynamic_shared_memory_type": "mmap", "huge_pages": "off",
	}
	for name, value := range s.settings {
		settings[name] = value
	}
	return settings
}

// answers waits until the server takes statements.
func (s *Server) answers(r *running) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*wait) // a crash may be mended first
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-r.ended:
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("postgres ended: %s", said[max(0, len(said)-2000):])
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *running) wait() error {
	select {
	case <-r.ended:
		return nil
	case <-time.After(wait):
		return errors.Join(fmt.Errorf("process %d still runs after %s", r.process.Pid, wait), r.process.Kill())
	}
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	own(cmd)
	return cmd
}

// own lets cmd run outside the terminal's group, so that an interrupt does not
// reach it before its guard, and as nobody where this process is root, as whom
// PostgreSQL does not run.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential()}
}

func credential() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	const nobody = 65534
	return &syscall.Credential{Uid: nobody, Gid: nobody}
}

// guard starts a process that outlives this one: when this one has ended,
// or asks for it, it ends the server on dir and removes dir and the server's
// mark in the system's shared memory.
func guard(dir string) (func(), error) {
	const script = `
read -r _
pid=$(sed -n 1p data/postmaster.pid 2>/dev/null)
mark=$(sed -n '7s/.* //p' data/postmaster.pid 2>/dev/null)
runs() { [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$PWD/data" ]; }
if runs; then
  kill -QUIT "$pid"
  for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; runs || break; done
  ! runs || kill -KILL "$pid"
fi
[ -z "$mark" ] || ipcrm -m "$mark"
cd / && rm -rf "$1"`
	cmd := exec.Command("/bin/sh", "-c", script, "guard", dir)
	cmd.Dir = dir
	own(cmd)
	asked, err := cmd.StdinPipe() // its end closes with this process
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_, _ = io.WriteString(asked, "end\n")
		_ = cmd.Wait()
	}, nil
}
