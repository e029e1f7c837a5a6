package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc/pool"
	"github.com/spf13/cobra"

	kit "scrip/adapters/sandbox"
)

func (s *shell) sandbox() *cobra.Command {
	var addr, state string
	c := &cobra.Command{
		Use: "sandbox PROVIDER…", Short: "run stateful stand-ins of vendors: " + strings.Join(append(vendorNames(), "all"), ", "),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			if slices.Contains(names, "all") {
				names = vendorNames()
			}
			boxes, err := openSandboxes(names, addr, state)
			if err != nil {
				return err
			}
			urls := map[string]string{}
			for _, b := range boxes {
				urls[b.name] = b.url
			}
			if err := s.printJSON(urls); err != nil {
				return err
			}
			return serveSandboxes(cmd.Context(), boxes, state)
		},
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:4010", "address of the first sandbox; the others take the ports after it")
	c.Flags().StringVar(&state, "state", "", "folder to load the sandboxes' states from, and to leave them in")
	return c
}

// box is a running sandbox.
type box struct {
	name     string
	url      string
	listener net.Listener
	server   *kit.Server
}

// openSandboxes listens for each named vendor, the first at addr and the
// others at the ports after it; port 0 lets the system choose each.
func openSandboxes(names []string, addr, state string) ([]*box, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, err
	}
	var boxes []*box
	for i, name := range names {
		v, ok := vendorNamed(name)
		if !ok {
			closeSandboxes(boxes)
			return nil, usagef("provider %q is unknown, known are %s", name, strings.Join(vendorNames(), ", "))
		}
		at := port
		if port != 0 {
			at = port + i
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(at)))
		if err != nil {
			closeSandboxes(boxes)
			return nil, fmt.Errorf("cannot listen for the %s sandbox: %w", name, err)
		}
		b := &box{name: name, url: "http://" + listener.Addr().String(), listener: listener, server: v.sandbox(kit.Options{})}
		b.server.SetPublicURL(b.url)
		boxes = append(boxes, b)
		if err := b.load(state); err != nil {
			closeSandboxes(boxes)
			return nil, err
		}
	}
	return boxes, nil
}

func closeSandboxes(boxes []*box) {
	for _, b := range boxes {
		_ = b.listener.Close()
		b.server.Close()
	}
}

func splitAddr(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, usagef("address %q is not HOST:PORT", addr)
	}
	port, err := net.LookupPort("tcp", text)
	if err != nil {
		return "", 0, usagef("address %q has no usable port", addr)
	}
	return host, port, nil
}

func (b *box) file(folder string) string { return filepath.Join(folder, "sandbox-"+b.name+".json") }

func (b *box) load(folder string) error {
	if folder == "" {
		return nil
	}
	raw, err := os.ReadFile(b.file(folder))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return b.server.Restore(raw)
}

func (b *box) save(folder string) error {
	if folder == "" {
		return nil
	}
	raw, err := b.server.Snapshot()
	if err != nil {
		return err
	}
	if !json.Valid(raw) {
		return fmt.Errorf("the state of the %s sandbox is not JSON", b.name)
	}
	return os.WriteFile(b.file(folder), raw, 0o600)
}

// serveSandboxes serves until ctx ends and then leaves the states in folder.
func serveSandboxes(ctx context.Context, boxes []*box, folder string) error {
	servers := pool.New().WithErrors()
	for _, b := range boxes {
		server := &http.Server{
			Handler: b.server, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 60 * time.Second,
			IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		}
		servers.Go(func() error {
			if err := server.Serve(b.listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		servers.Go(func() error {
			<-ctx.Done()
			err := server.Close()
			b.server.Close()
			return errors.Join(err, b.save(folder))
		})
	}
	return servers.Wait()
}
