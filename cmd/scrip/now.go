package main

import (
	"os"

	"scrip/core"
	"scrip/internal/clock"
	"scrip/mapping/config"
)

// commandClock is the clock of a command: the wall clock, or the instant that
// SCRIP_TEST_CLOCK names, where the gateway of the same database serves with a
// test clock. Like that one it is for sandboxes only.
func commandClock(cfg *config.Config) (*clock.Clock, error) {
	text := os.Getenv("SCRIP_TEST_CLOCK")
	if text == "" {
		return clock.Wall(), nil
	}
	at, err := core.ParseTime(text)
	if err != nil {
		return nil, usagef("SCRIP_TEST_CLOCK %q is not an instant such as 2026-01-31T12:00:00Z: %w", text, err)
	}
	for _, c := range cfg.Connections {
		if c.BaseURL == "" {
			return nil, usagef("SCRIP_TEST_CLOCK is set, but connection %q points at a live vendor: unset it", c.Name)
		}
	}
	return clock.Test(at), nil
}
