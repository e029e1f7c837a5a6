package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"scrip/core"
)

// Change is one setting that differs. Before or After is empty when the
// setting is new or goes.
type Change struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Why    string `json:"blocked,omitempty"` // why an apply cannot make this change; "" when it can
}

// Sign is how the change is shown: + new, - gone, ~ changed.
func (c Change) Sign() string {
	switch {
	case c.Before == "":
		return "+"
	case c.After == "":
		return "-"
	}
	return "~"
}

// Format is the version of a plan file's form.
const Format = "scrip-plan/2"

// Plan says what an apply would change. It carries the digests of what it was
// made from, and one of its file. The effect on each account stands in the
// file alone.
type Plan struct {
	Format  string   `json:"format"`
	From    string   `json:"from"`              // digest of the applied settings
	To      string   `json:"to"`                // digest of the file's settings
	Source  string   `json:"source,omitempty"`  // a vendor move: from this connection
	Target  string   `json:"target,omitempty"`  // to this one
	Billing string   `json:"billing,omitempty"` // which side of a vendor move collects money, and when
	Unit    *Unit    `json:"unit,omitempty"`    // a change of the unit
	Changes []Change `json:"changes"`
	Effect  *Effect  `json:"effect,omitempty"` // on the customers, summed up
	Digest  string   `json:"digest,omitempty"` // of the file, see [ReadPlan]
	sealed  string   // hash of the above as it was made or read
}

// NewPlan compares what is applied with what the file wants; unit is the
// change of unit between them, see [UnitOf].
func NewPlan(applied, desired Settings, unit *Unit) *Plan {
	p := &Plan{Format: Format, From: applied.Digest(), To: desired.Digest(), Unit: unit, Changes: []Change{}}
	if from, to := applied["route.primary"], desired["route.primary"]; from != to && from != "" && to != "" {
		p.Source, p.Target = from, to
		p.Billing = billing(applied["route.payments"], desired["route.payments"])
	}
	paths := map[string]bool{}
	for path := range applied {
		paths[path] = true
	}
	for path := range desired {
		paths[path] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if applied[path] != desired[path] {
			p.Changes = append(p.Changes, Change{path, applied[path], desired[path], p.blocked(path, applied[path], desired[path])})
		}
	}
	return p.With(nil)
}

// blocked says why a setting cannot be changed under balances that exist.
func (p *Plan) blocked(path, before, after string) string {
	section, rest, _ := strings.Cut(path, ".")
	switch {
	case section == "unit" && strings.HasSuffix(rest, ".scale") && (p.Unit == nil || before != "" && after != ""):
		return "balances are counted in it: give the new unit a code of its own, and say convert: {from: …, at: …}"
	case section == "route" && p.Unit != nil:
		return "the unit changes, and one of the two comes first"
	case section == "route" && (before == "" || after == "") && rest == "primary":
		return "a vendor holds what was carried to it, and nothing here takes it in or out"
	case section == "route" && rest == "shadow":
		return "nothing here begins or ends to tell a shadow of the accounts that exist"
	case section == "connections" && strings.HasSuffix(rest, ".provider") && before != after && before != "":
		return "the vendor's objects are linked to this connection"
	case section == "mapping" && before != "" && p.Unit != nil && !strings.HasSuffix(rest, ".strategy"):
		return "" // everything a vendor holds is made again in the new unit
	case section == "mapping" && before != "" && (strings.HasSuffix(rest, ".strategy") || strings.HasSuffix(rest, ".rate") || strings.HasSuffix(rest, ".units")):
		return "what the vendor was told is counted by it"
	}
	return ""
}

// With adds the effect, for a plan that names no single account.
func (p *Plan) With(e *Effect) *Plan {
	if w, err := NewWriter(io.Discard, p); err == nil { // strings and numbers always marshal
		_ = w.Close(e)
	}
	return p
}

// billing says which one connection collects money at any time.
func billing(before, after string) string {
	if before == after {
		return fmt.Sprintf("%q collects money before and after", before)
	}
	return fmt.Sprintf("%q collects money until the cutover, %q from then on", before, after)
}

// allowed refuses a plan with a change that an apply cannot make.
func (p *Plan) allowed() error {
	if blocked := p.Blocked(); len(blocked) > 0 {
		// A unit that cannot change blocks more than itself.
		if at := slices.IndexFunc(blocked, func(c Change) bool { return strings.HasPrefix(c.Path, "unit.") }); at > 0 {
			blocked[0] = blocked[at]
		}
		return core.Errorf(core.CodeNotSupported, "%s cannot be changed by an apply: %s", blocked[0].Path, blocked[0].Why)
	}
	return nil
}

// IsMove reports whether the plan moves what is carried to another vendor.
func (p *Plan) IsMove() bool { return p.Target != "" }

// Blocked are the changes that an apply cannot make.
func (p *Plan) Blocked() []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return c.Why == "" })
}

// seal is a hash of the plan as this process holds it.
func (p *Plan) seal() string {
	raw, _ := json.Marshal(p) // strings and numbers always marshal
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Check refuses a plan of another form, or one that was changed since it was
// made or read.
func (p *Plan) Check() error {
	if p.Format != Format {
		return core.Errorf(core.CodeInvalid, "the plan's format is %q, this program reads %q: make a new plan", p.Format, Format)
	}
	if p.Digest == "" || p.sealed != p.seal() {
		return core.Errorf(core.CodeInvalid, "the plan was changed after it was made: make a new plan")
	}
	return nil
}
