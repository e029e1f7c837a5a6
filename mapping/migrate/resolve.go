package migrate

import (
	"slices"

	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/mapping/config"
)

// Parse reads the text of a config.
type Parse func(text string) (*config.Config, error)

// State is a config with the changes of unit that led to it, the oldest first.
type State struct {
	Config      *config.Config
	Conversions []ledger.Conversion
}

// Resolve reads what is applied: its text, over the config that was in force
// before the unit was changed last, and so on.
func (a *Applied) Resolve(parse Parse) (*State, error) {
	cfg, err := parse(a.Text)
	if err != nil {
		return nil, err
	}
	return a.place(cfg, parse)
}

// place is the state with cfg in the place of the applied text.
func (a *Applied) place(cfg *config.Config, parse Parse) (*State, error) {
	if a.Change == nil {
		if cfg.Convert == nil {
			return &State{Config: cfg}, nil
		}
		_, err := cfg.Over(nil)
		return nil, err
	}
	base, err := a.Base.Resolve(parse)
	if err != nil {
		return nil, err
	}
	change, err := convert.New(a.Change.Terms)
	if err != nil {
		return nil, err
	}
	c := ledger.Conversion{ID: a.Change.ID, Of: a.Change.Of, Open: a.Change.Open, Change: change}
	if c.Of != "" {
		// It stands where the config stood that was in force before both changes.
		before, err := a.Base.Base.place(cfg, parse)
		if err != nil {
			return nil, err
		}
		plain := *before.Config
		plain.Convert = nil
		cfg = &plain
	}
	if cfg.Convert != nil && cfg.Convert.From == c.From().Code {
		cfg, err = cfg.Over(base.Config)
	} else {
		retired := *base.Config
		retired.Retired = append(slices.Clip(retired.Retired), config.Retired{Unit: base.Config.Units[0], To: c.To().Code, Terms: a.Change.Terms})
		cfg, err = cfg.Over(&retired)
	}
	if err != nil {
		return nil, err
	}
	return &State{cfg, append(base.Conversions, c)}, nil
}

// Want is what a file asks for over what is applied. A convert that leaves the
// unit in force asks for a change; one that led to it is how it came about.
func (a *Applied) Want(file *config.Config, parse Parse) (*config.Config, error) {
	now, err := a.Resolve(parse)
	if err != nil {
		return nil, err
	}
	if v := file.Convert; v == nil && !sameUnit(file, now.Config) || v != nil && !a.cameFrom(v.From) {
		return file.Over(now.Config)
	}
	s, err := a.place(file, parse)
	if err != nil {
		return nil, err
	}
	return s.Config, nil
}

func sameUnit(a, b *config.Config) bool {
	return len(a.Units) > 0 && len(b.Units) > 0 && a.Units[0].Code == b.Units[0].Code
}

// cameFrom reports whether the applied text's own convert leaves that unit.
func (a *Applied) cameFrom(unit string) bool {
	switch {
	case a.Change == nil:
		return false
	case a.Change.Of != "":
		return a.Base.Base.cameFrom(unit)
	}
	return a.Change.Terms.From.Code == unit
}
