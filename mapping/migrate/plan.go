package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
const Format = "scrip-plan/1"

// Plan says what an apply would change. It carries the digests of what it was
// made from, and one of itself.
type Plan struct {
	Format  string   `json:"format"`
	From    string   `json:"from"`             // digest of the applied settings
	To      string   `json:"to"`               // digest of the file's settings
	Source  string   `json:"source,omitempty"` // a vendor move: from this connection
	Target  string   `json:"target,omitempty"` // to this one
	Changes []Change `json:"changes"`
	Effect  *Effect  `json:"effect,omitempty"` // of a vendor move
	Digest  string   `json:"digest"`           // of all the above
}

// NewPlan compares what is applied with what the file wants.
func NewPlan(applied, desired Settings) *Plan {
	p := &Plan{Format: Format, From: applied.Digest(), To: desired.Digest(), Changes: []Change{}}
	if from, to := applied["route.primary"], desired["route.primary"]; from != to && from != "" && to != "" {
		p.Source, p.Target = from, to
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
			p.Changes = append(p.Changes, Change{path, applied[path], desired[path], blocked(path, applied[path], desired[path])})
		}
	}
	p.Digest = p.digest()
	return p
}

// blocked says why a setting cannot be changed under balances that exist.
func blocked(path, before, after string) string {
	section, rest, _ := strings.Cut(path, ".")
	switch {
	case section == "unit" && strings.HasSuffix(rest, ".scale"):
		return "balances are counted in it, and nothing here converts them"
	case section == "route" && (before == "" || after == "") && rest == "primary":
		return "a vendor holds what was carried to it, and nothing here takes it in or out"
	case section == "route" && rest == "shadow":
		return "nothing here begins or ends to tell a shadow of the accounts that exist"
	case section == "connections" && strings.HasSuffix(rest, ".provider") && before != after && before != "":
		return "the vendor's objects are linked to this connection"
	case section == "mapping" && before != "" && (strings.HasSuffix(rest, ".strategy") || strings.HasSuffix(rest, ".rate") || strings.HasSuffix(rest, ".units")):
		return "what the vendor was told is counted by it"
	}
	return ""
}

// With adds what a move has to carry.
func (p *Plan) With(e *Effect) *Plan {
	p.Effect = e
	p.Digest = p.digest()
	return p
}

// IsMove reports whether the plan moves what is carried to another vendor.
func (p *Plan) IsMove() bool { return p.Target != "" }

// Blocked are the changes that an apply cannot make.
func (p *Plan) Blocked() []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return c.Why == "" })
}

func (p *Plan) digest() string {
	unsigned := *p
	unsigned.Digest = ""
	raw, _ := json.Marshal(unsigned) // strings always marshal
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Check refuses a plan of another form, or one whose text was changed.
func (p *Plan) Check() error {
	if p.Format != Format {
		return core.Errorf(core.CodeInvalid, "the plan's format is %q, this program reads %q: make a new plan", p.Format, Format)
	}
	if p.Digest != p.digest() {
		return core.Errorf(core.CodeInvalid, "the plan was changed after it was made, its digest does not fit: make a new plan")
	}
	return nil
}

// maxPlan bounds the plan files that are read.
const maxPlan = 16 << 20

// ReadPlan reads a plan file strictly.
func ReadPlan(raw []byte) (*Plan, error) {
	if len(raw) > maxPlan {
		return nil, core.Errorf(core.CodeTooLarge, "the plan has %d bytes, at most %d are read", len(raw), maxPlan)
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	p := &Plan{}
	if err := d.Decode(p); err != nil || d.More() {
		return nil, core.Errorf(core.CodeInvalid, "the file is not a plan: make one with scrip plan -o FILE")
	}
	return p, p.Check()
}
