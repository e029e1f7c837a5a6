package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// stepper moves business time: through every due instant in order, at each
// letting everything settle on both sides before it goes on.
type stepper struct {
	app    *app
	client *http.Client
}

// maxSteps bounds one advance; more due instants than that are a mistake.
const maxSteps = 10_000

// Advance implements the gateway's test clock.
func (t *stepper) Advance(ctx context.Context, to core.Time) error {
	for _, c := range t.app.config.Connections {
		if c.BaseURL == "" {
			return core.Errorf(core.CodeNotSupported, "connection %q points at a live vendor: business time cannot be moved", c.Name)
		}
	}
	if now := t.app.clock.Now(); to < now {
		return core.InField(core.Errorf(core.CodeInvalid, "the test clock stands at %s and cannot go back to %s", now, to), "now")
	}
	// Another config that is applied meanwhile waits: both sides are told of
	// each step through this app.
	t.app.stepping.Add(1)
	defer t.app.stepping.Add(-1)
	if err := t.settle(ctx); err != nil {
		return err
	}
	for range maxSteps {
		next, err := t.next(ctx, to)
		if err != nil {
			return err
		}
		if err := t.app.clock.Set(next); err != nil {
			return err
		}
		if err := t.forward(ctx, next); err != nil {
			return err
		}
		if err := t.settle(ctx); err != nil {
			return err
		}
		if next == to {
			return nil
		}
	}
	return core.Errorf(core.CodeInvalid, "there are more than %d due instants before %s, advance in smaller steps", maxSteps, to)
}

// next is the earliest instant up to to at which something falls due.
func (t *stepper) next(ctx context.Context, to core.Time) (core.Time, error) {
	now, next := t.app.clock.Now(), to
	_, due, err := t.app.ledger.Reader().Entries.Due(ctx, now, 1)
	if err != nil {
		return 0, err
	}
	next = min(next, due)
	stats, err := t.app.ledger.Reader().Queues.Stats(ctx, now)
	if err != nil {
		return 0, err
	}
	for _, s := range stats {
		if s.NextDue > now {
			next = min(next, s.NextDue)
		}
	}
	return max(next, now), nil
}

// settle works until the sweep, both queues and the vendors' senders have
// nothing left, or only what is parked.
func (t *stepper) settle(ctx context.Context) error {
	for range 100 {
		for {
			n, _, err := t.app.ledger.Sweep(ctx, 500)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		if err := t.app.outward.Drain(ctx); err != nil {
			return err
		}
		if err := t.app.inward.Drain(ctx); err != nil {
			return err
		}
		sent, err := t.deliver(ctx)
		if err != nil {
			return err
		}
		if err := t.app.inward.Drain(ctx); err != nil {
			return err
		}
		idle, err := t.idle(ctx)
		if err != nil {
			return err
		}
		if idle && sent == 0 {
			return nil
		}
	}
	return core.Errorf(core.CodeUnavailable, "the queues did not come to rest, see scrip outbox list and scrip webhooks list")
}

// idle reports whether no queue has work that could be done now. A stream
// behind a parked item waits for a person and counts as at rest.
func (t *stepper) idle(ctx context.Context) (bool, error) {
	stats, err := t.app.ledger.Reader().Queues.Stats(ctx, t.app.clock.Now())
	if err != nil {
		return false, err
	}
	for _, s := range stats {
		if s.Waiting > 0 && s.Parked == 0 {
			return false, nil
		}
		if s.Queue == ledger.Inbox && s.Waiting > 0 {
			return false, nil
		}
	}
	return true, nil
}

// deliver asks every sandbox to send what it has waiting, and returns how
// much it sent.
func (t *stepper) deliver(ctx context.Context) (sent int, err error) {
	for _, c := range t.app.config.Connections {
		var answer struct {
			Delivered int `json:"delivered"`
			Failed    int `json:"failed"`
		}
		if err := t.control(ctx, c.BaseURL, c.APIKey.Reveal(), "deliver", struct{}{}, &answer); err != nil {
			return sent, err
		}
		sent += answer.Delivered
	}
	return sent, nil
}

// forward moves the clock of every connection that is a sandbox.
func (t *stepper) forward(ctx context.Context, to core.Time) error {
	for _, c := range t.app.config.Connections {
		body := map[string]string{"now": to.String()}
		if err := t.control(ctx, c.BaseURL, c.APIKey.Reveal(), "clock", body, nil); err != nil {
			return err
		}
	}
	return nil
}

// control calls a sandbox's control API. A server that does not have one is
// left alone.
func (t *stepper) control(ctx context.Context, base, key, call string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/_sandbox/"+call, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("the sandbox's address is not usable: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return core.Errorf(core.CodeUnavailable, "the sandbox at %q did not answer", base)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode == http.StatusNotFound {
		return nil
	}
	if resp.StatusCode >= 300 {
		return core.Errorf(core.CodeUnavailable, "the sandbox at %q refused %s with status %d", base, call, resp.StatusCode)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}
