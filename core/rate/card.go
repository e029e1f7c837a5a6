package rate

import (
	"maps"
	"slices"

	"scrip/core"
)

// Card is a version of all prices.
type Card struct {
	Version   string
	Effective core.Time
	Actions   map[string]Action
}

// Names lists the card's actions in order.
func (c Card) Names() []string { return slices.Sorted(maps.Keys(c.Actions)) }

// Find returns the action of that name, or an unknown_action error.
func (c Card) Find(name string) (Action, error) {
	a, ok := c.Actions[name]
	if !ok {
		return Action{}, core.InField(core.Errorf(core.CodeUnknownAction, "action %q is not on rate card %q", name, c.Version), "action")
	}
	return a, nil
}

// Cards are the versions of the rate card, no two of one name or in force from
// one instant, the oldest first.
type Cards []Card

// At is the card that prices what happens at t: the pinned version, or with
// "" the latest whose time has come. An unknown_action error says that there
// is none.
func (c Cards) At(t core.Time, pinned string) (*Card, error) {
	if pinned != "" {
		if card := c.Version(pinned); card != nil {
			return card, nil
		}
		return nil, core.InField(core.Errorf(core.CodeUnknownAction, "rate card %q, which this customer or grant keeps, is not configured any more", pinned), "action")
	}
	for i := len(c) - 1; i >= 0; i-- {
		if c[i].Effective <= t {
			return &c[i], nil
		}
	}
	if len(c) == 0 {
		return nil, core.InField(core.Errorf(core.CodeUnknownAction, "there is no rate card, so no action has a price"), "action")
	}
	return nil, core.InField(core.Errorf(core.CodeUnknownAction, "no rate card is in force yet, %q is from %s on", c[0].Version, c[0].Effective), "action")
}

// Version is the card of that name, or nil.
func (c Cards) Version(name string) *Card {
	for i := range c {
		if c[i].Version == name {
			return &c[i]
		}
	}
	return nil
}

// Newest is the card that comes last, whether or not its time has come; the
// zero card when there is none.
func (c Cards) Newest() Card {
	if len(c) == 0 {
		return Card{}
	}
	return c[len(c)-1]
}

// GrantPin is the pair of a grant's metadata that names the version of the rate
// card that the grant keeps.
const GrantPin = "scrip.rate_card"

// Pin checks that a customer or grant can keep that version.
func (c Cards) Pin(version string) error {
	if c.Version(version) != nil {
		return nil
	}
	var known []string
	for i := range c {
		known = append(known, c[i].Version)
	}
	return core.Errorf(core.CodeInvalid, "rate card %q is not configured, known are %q", version, known)
}

// Units adds the codes of the units that an action is priced in on any card,
// each once; own is the cards' own.
func (c Cards) Units(action, own string, dst []string) []string {
	add := func(code string) {
		if code == "" {
			code = own
		}
		if !slices.Contains(dst, code) {
			dst = append(dst, code)
		}
	}
	for i := range c {
		a, ok := c[i].Actions[action]
		if !ok {
			continue
		}
		for j := range a.Rates {
			if len(a.Rates[j].Parts) == 0 {
				add(a.Unit)
			}
			for _, p := range a.Rates[j].Parts {
				add(p.Unit)
			}
		}
	}
	return dst
}
