package reconcile_test

import (
	"testing"
	"time"

	"scrip/core"
)

// A far date stands for never only where ours never ends: an end that is far
// away on both sides is an end, and one that was cut short there is found.
func TestFarDates(t *testing.T) {
	m := newMirror()
	x := newMirrorTown(t, m)
	x.customer("acme")
	x.grant("acme", "never", 100_00, core.Terms{})
	x.grant("acme", "far", 100_00, core.Terms{Expires: x.clock.Now().Add(60 * 365 * 24 * time.Hour)})
	x.settle()
	expect(t, x.compare(), "", "")
	for _, b := range m.blocks["c-acme"] {
		b.Expires = x.clock.Now().Add(55 * 365 * 24 * time.Hour)
	}
	expect(t, x.compare(), "acme/grant/expiry", "")
	for _, b := range m.blocks["c-acme"] {
		b.Expires = x.clock.Now().Add(5 * 365 * 24 * time.Hour)
	}
	expect(t, x.compare(), "acme/grant/expiry, acme/grant/expiry", "")
}
