package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
)

// stage is where the demo plays: vendors' sandboxes in this process, and the
// gateway as a child process that can be killed.
type stage struct {
	shell   *shell
	ctx     context.Context
	dir     string
	storage string // "" for a file in dir
	seats   []*seat
	main    *seat // holds grants and consumption
	pay     *seat // collects the money; the same where it can
	next    *seat // where the company moves to
	stopBox context.CancelFunc
	boxDone conc.WaitGroup
	boxErr  error
	api     *client // the gateway
	child   *exec.Cmd
	log     *bytes.Buffer
	env     []string
	clock   time.Time
	moving  moving
	leaving leaving
	record  record
	step    string
	checks  int
	failed  int
}

// seat is a vendor's place in the demo: a connection of the company's, and the
// sandbox behind it.
type seat struct {
	vendor
	connection string
	box        *box
	control    *client
}

func (s *shell) setStage(ctx context.Context, dir, provider string, o demoOptions) (*stage, error) {
	addr, err := freeAddr(o.addr)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	st := &stage{shell: s, ctx: ctx, dir: dir, storage: o.storage, log: &bytes.Buffer{}, api: newClient("http://"+addr, randomText())}
	st.moving = moving{consumed: map[string]core.Amount{}, counted: map[string]string{}}
	return st, st.raise(ctx, provider)
}

// raise starts the sandboxes, tells them where webhooks go, and starts the gateway.
func (st *stage) raise(ctx context.Context, provider string) error {
	if err := st.seat(provider); err != nil {
		return err
	}
	var boxes []*box
	for _, s := range st.seats {
		boxes = append(boxes, s.box)
	}
	boxCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	st.stopBox = stop
	st.boxDone.Go(func() { st.boxErr = serveSandboxes(boxCtx, boxes, "") })
	if err := st.configure(st.before()); err != nil {
		return errors.Join(err, st.strike(""))
	}
	st.env = append(os.Environ(), "SCRIP_ADMIN_KEY="+st.api.key, "SCRIP_SECRET="+randomText(),
		"VENDOR_KEY="+demoVendorKey, "VENDOR_WEBHOOK_SECRET="+demoWebhookSecret)
	for _, s := range st.seats {
		hook := body{"url": st.api.base + "/v1/webhooks/" + s.connection, "secret": demoWebhookSecret}
		if _, err := st.controlOf(s.control, "webhooks", hook); err != nil {
			return errors.Join(err, st.strike(""))
		}
	}
	if err := st.startGateway(); err != nil {
		return errors.Join(err, st.strike(""))
	}
	return nil
}

// seat gives every vendor of the story its connection and its sandbox. One
// that collects the money for another may be the one that the company moves to.
func (st *stage) seat(provider string) error {
	first, _ := vendorNamed(provider)
	places := []seat{{vendor: first, connection: "main"}}
	if first.pays != "" {
		payer, _ := vendorNamed(first.pays)
		places = append(places, seat{vendor: payer, connection: "pay"})
	}
	if first.rival != first.pays {
		rival, _ := vendorNamed(first.rival)
		places = append(places, seat{vendor: rival, connection: "next"})
	}
	var names []string
	for _, p := range places {
		names = append(names, p.name)
	}
	boxes, err := openSandboxes(names, "127.0.0.1:0", "")
	if err != nil {
		return err
	}
	for i := range places {
		s := &places[i]
		s.box, s.control = boxes[i], newClient(boxes[i].url, demoVendorKey)
		st.seats = append(st.seats, s)
	}
	st.main, st.pay, st.next = st.seats[0], st.seats[0], st.seats[len(places)-1]
	if first.pays != "" {
		st.pay = st.seats[1]
	}
	return nil
}

// freeAddr replaces port 0 by one that is free now: the gateway has to come
// back at the same address after it was killed.
func freeAddr(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("cannot listen on %q: %w", addr, err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// scrip is this program as another process.
func (st *stage) scrip(args ...string) (*exec.Cmd, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		if path, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(st.ctx, path, append(args, "-c", st.configPath())...)
	// Commands live at the time at which the gateway does.
	cmd.Env, cmd.Dir = append(slices.Clone(st.env), "SCRIP_TEST_CLOCK="+st.clock.UTC().Format(time.RFC3339)), st.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = drainTime
	return cmd, nil
}

// startGateway starts the gateway and waits until it is ready.
func (st *stage) startGateway() error {
	cmd, err := st.scrip("serve", "--test-clock")
	if err != nil {
		return err
	}
	st.log.Reset()
	cmd.Stdout, cmd.Stderr = st.log, st.log
	if err := cmd.Start(); err != nil {
		return err
	}
	st.child = cmd
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := st.api.do(st.ctx, request{method: http.MethodGet, path: "/readyz"}); err == nil {
			return nil
		}
		if st.ctx.Err() != nil {
			return st.ctx.Err()
		}
	}
	st.killGateway()
	return fmt.Errorf("the gateway did not become ready: %s", strings.TrimSpace(st.log.String()))
}

// killGateway kills the gateway as a crash would: nothing is finished.
func (st *stage) killGateway() {
	_ = st.child.Process.Kill()
	_ = st.child.Wait()
	st.child = nil
}

// strike ends everything; with keep set the sandbox's state is left there.
func (st *stage) strike(keep string) error {
	st.ctx = context.WithoutCancel(st.ctx) // what is left is left after a signal too
	var errs []error
	if st.child != nil {
		_ = st.child.Process.Signal(os.Interrupt)
		_ = st.child.Wait()
	}
	if keep != "" {
		for _, s := range st.seats {
			errs = append(errs, s.box.save(st.dir))
			state, err := st.controlOf(s.control, "state", nil)
			if err == nil {
				err = os.WriteFile(filepath.Join(st.dir, "state-"+s.name+".json"), state.raw, 0o600)
			}
			errs = append(errs, err)
		}
	}
	st.stopBox()
	st.boxDone.Wait()
	return errors.Join(append(errs, st.boxErr)...)
}

// announce prints where everything is.
func (st *stage) announce() error {
	urls := map[string]string{}
	for _, s := range st.seats {
		urls[s.name] = s.box.url
	}
	if st.shell.json {
		return st.shell.printJSON(map[string]any{"url": st.api.base, "key": st.api.key, "sandboxes": urls})
	}
	fmt.Fprintf(st.shell.out, "gateway %s\n", st.api.base)
	for _, s := range st.seats {
		fmt.Fprintf(st.shell.out, "%s sandbox %s\n", s.name, s.box.url)
	}
	return nil
}

// scene begins a step of the story.
func (st *stage) scene(format string, args ...any) {
	st.step = fmt.Sprintf(format, args...)
	if !st.shell.json {
		fmt.Fprintf(st.shell.out, "\n%s  %s\n", st.clock.Format("2006-01-02 15:04:05"), st.step)
	}
}

// check compares and prints.
func (st *stage) check(what string, want, got any) {
	st.checks++
	w, g := fmt.Sprint(want), fmt.Sprint(got)
	ok := w == g
	if !ok {
		st.failed++
	}
	if st.shell.json {
		_ = st.shell.printJSON(map[string]any{"step": st.step, "check": what, "want": w, "got": g, "ok": ok})
		return
	}
	if ok {
		fmt.Fprintf(st.shell.out, "    ok    %s: %s\n", what, g)
	} else {
		fmt.Fprintf(st.shell.out, "    FAIL  %s: want %s, got %s\n", what, w, g)
	}
}

// eventually checks what becomes true only after work in the background.
func (st *stage) eventually(what string, want any, got func() (any, error)) error {
	w := fmt.Sprint(want)
	deadline := time.Now().Add(time.Minute)
	for {
		g, err := got()
		if err != nil {
			return err
		}
		if fmt.Sprint(g) == w || time.Now().After(deadline) {
			st.check(what, want, g)
			return nil
		}
		select {
		case <-st.ctx.Done():
			return st.ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// controlOf calls a sandbox's control API; no body makes it a read.
func (st *stage) controlOf(c *client, call string, b any) (answer, error) {
	r := request{method: http.MethodPost, path: "/_sandbox/" + call, body: b}
	if b == nil {
		r.method = http.MethodGet
	}
	return c.do(st.ctx, r)
}

// advance moves business time on both sides.
func (st *stage) advance(to time.Time) error {
	st.clock = to
	_, err := st.insist(request{method: http.MethodPost, path: "/v1/test-clock", body: body{"now": to.UTC().Format(time.RFC3339)}})
	return err
}

// call makes a call of the application.
func (st *stage) call(r request) (answer, error) {
	st.record.add(r)
	return st.api.do(st.ctx, r)
}

// post makes a value-moving call with a key.
func (st *stage) post(path, key string, b any) (map[string]any, error) {
	a, err := st.call(request{method: http.MethodPost, path: path, key: key, body: b})
	if err != nil {
		return nil, err
	}
	return a.object()
}

func (st *stage) get(path string) (map[string]any, error) {
	a, err := st.insist(request{method: http.MethodGet, path: path})
	if err != nil {
		return nil, err
	}
	return a.object()
}

// refusal makes a call that must be refused and returns the refusal's code.
func (st *stage) refusal(path, key string, b any) string {
	_, err := st.post(path, key, b)
	return string(core.CodeOf(err))
}

// deliverRaw posts bytes to the webhook endpoint and returns the status.
func (st *stage) deliverRaw(header http.Header, raw []byte) (int, error) {
	req, err := http.NewRequestWithContext(st.ctx, http.MethodPost, st.api.base+"/v1/webhooks/"+st.pay.connection, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	req.Header = header
	resp, err := st.api.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, nil
}

// decode reads an answer into v without floats for amounts: v's fields are
// strings and integers.
func (a answer) decode(v any) error { return json.Unmarshal(a.raw, v) }
