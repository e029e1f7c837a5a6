package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"scrip/core"
)

// Zones finds a time zone by its IANA name; "" is UTC.
type Zones func(name string) (*time.Location, error)

// Book is what a state needs of the world around it: where zones are found,
// and the plans in force.
type Book struct {
	Zones   Zones            // nil: [time.LoadLocation]
	Plans   map[string]Terms // as the config has them
	Since   core.Time        // when they came into force; renewals before it keep the subscription's own copy
	Deficit core.Amount      // what an account may owe where its plan has no other rule
}

func (b *Book) deficit() core.Amount {
	if b == nil {
		return 0
	}
	return b.Deficit
}

// version is that of a state's text.
const version = 1

// State is everything about one account that is neither balance nor entry. Its
// text is JSON; an empty one is an account that nothing is known of.
type State struct {
	V            int            `json:"v"`
	Subscription *Subscription  `json:"subscription,omitempty"`
	Billing      Billing        `json:"billing,omitzero"`
	Dues         []Due          `json:"dues,omitempty"`   // periods' prices that nobody was asked for yet
	Former       []Former       `json:"former,omitempty"` // what plans that are no longer had owe still
	Uses         map[string]Use `json:"uses,omitempty"`   // by what tiers count
	Card         string         `json:"card,omitempty"`   // the rate card version that is pinned, "" for none
	Tried        []string       `json:"tried,omitempty"`  // plans whose trial was had
	Serial       int            `json:"serial,omitempty"` // how often a plan was begun
	Watch        *Watch         `json:"watch,omitempty"`
	book         *Book
	zone         *time.Location
	due          core.Time // of the subscription
}

// Read reads a state's text, strictly: what is not known is an error and not
// dropped when the state is written again.
func (b *Book) Read(text string) (*State, error) {
	s := &State{V: version, book: b, zone: time.UTC, due: core.Never}
	if text == "" {
		return s, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, core.Errorf(core.CodeInternal, "what is kept of a plan cannot be read: %s", err)
	}
	if d.More() {
		return nil, core.Errorf(core.CodeInternal, "what is kept of a plan goes on after its end")
	}
	if s.V != version {
		return nil, core.Errorf(core.CodeInternal, "what is kept of a plan has version %d, this build reads %d", s.V, version)
	}
	if sub := s.Subscription; sub != nil {
		if err := s.in(sub.Zone); err != nil {
			return nil, err
		}
		if len(sub.Rules) != len(sub.Terms.Allotments) || sub.Terms.Every.N <= 0 {
			return nil, core.Errorf(core.CodeInternal, "what is kept of plan %q is not whole", sub.Terms.Plan)
		}
	}
	s.reckon()
	return s, nil
}

// In puts the state under another book, that of who goes on with it.
func (s *State) In(b *Book) { s.book = b }

// in sets the zone that periods are counted in.
func (s *State) in(name string) error {
	if name == "" {
		s.zone = time.UTC
		return nil
	}
	find := time.LoadLocation
	if s.book != nil && s.book.Zones != nil {
		find = s.book.Zones
	}
	zone, err := find(name)
	if err != nil {
		return core.Errorf(core.CodeInvalid, "time zone %q is not known here", name)
	}
	s.zone = zone
	return nil
}

// Text is the state's durable form.
func (s *State) Text() string {
	if s.Subscription == nil && len(s.Uses) == 0 && s.Card == "" && s.Serial == 0 && s.Watch.Blank() {
		return ""
	}
	s.V = version
	text, _ := json.Marshal(s) // plain fields always marshal
	return string(text)
}

// Due is when the subscription renews, changes or ends next, or the account is
// to be looked at.
func (s *State) Due() core.Time { return min(s.due, s.Watch.Due()) }

// reckon finds out anew when the state acts next.
func (s *State) reckon() {
	s.due = core.Never
	if sub := s.Subscription; sub != nil && sub.Ended == 0 {
		s.due = s.next()
	}
}

// Tell adds a notice of somebody else's.
func (s *State) Tell(n Notice) {
	if s.Watch == nil {
		s.Watch = &Watch{}
	}
	s.Watch.Tell(n)
}

// tried reports whether a plan's trial was had before.
func (s *State) tried(plan string) bool { return slices.Contains(s.Tried, plan) }
