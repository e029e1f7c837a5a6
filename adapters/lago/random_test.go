package lago_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"

	"pgregory.net/rapid"

	"scrip/adapters"
	"scrip/core"
)

// TestRandomStories gives, draws, puts back and ends grants of many expiries at
// random, loses requests and answers, settles each order as the outbox does and
// sends it again: after every order each grant holds what a model says, and where
// Lago chooses the top-ups, the wallets do.
//
// PA-02 and PA-03.
func TestRandomStories(t *testing.T) {
	r, story := newRig(t), 0
	rapid.Check(t, func(t *rapid.T) {
		story++
		variant := rapid.SampledFrom([]string{"", "", "version_1_51", "wallets_not_traceable"}).Draw(t, "variant")
		r.fresh(fmt.Sprint("account-", story))
		if variant != "" {
			r.call("POST", "/_sandbox/variant", fmt.Sprintf(`{"name":%q,"on":true}`, variant), nil)
		}
		m := model{rig: r, given: map[core.ID]int64{}, left: map[core.ID]int64{}}
		for range rapid.IntRange(1, 10).Draw(t, "orders") {
			m.step(t)
			if got := r.left(); variant != "version_1_51" && !maps.Equal(got, m.left) {
				t.Fatalf("the grants hold %v, want %v", got, m.left)
			}
			want := int64(0)
			for _, n := range m.left {
				want += n
			}
			if got, _ := r.active(); got != want {
				t.Fatalf("the wallets hold %d, want %d", got, want)
			}
		}
		if got := r.usage(); got != m.used {
			t.Fatalf("usage is %d, want %d", got, m.used)
		}
	})
}

type model struct {
	*rig
	orders int
	grants []int
	given  map[core.ID]int64
	left   map[core.ID]int64
	used   int64
}

// step makes one order; a third of them meet a fault at one of their requests.
func (m *model) step(t *rapid.T) {
	m.orders++
	n := m.orders
	if at := rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "fault at"); at > 0 {
		m.posts = nil
		once, lost := at, rapid.Bool().Draw(t, "lost after")
		hit := func(req *http.Request) bool {
			if req.Method != http.MethodGet && len(m.posts) == once {
				once = -1
				return true
			}
			return false
		}
		if m.cut, m.lose = nil, hit; !lost {
			m.cut, m.lose = hit, nil
		}
	}
	defer func() { m.cut, m.lose = nil, nil }()
	live := rapid.IntRange(0, max(0, len(m.grants)-1))
	switch kind := rapid.SampledFrom([]string{"give", "draw", "draw", "draw", "back", "back", "end"}).Draw(t, "order"); {
	case len(m.grants) == 0 || kind == "give" && len(m.grants) < 6:
		cents := rapid.Int64Range(1, 500).Draw(t, "cents")
		o := m.grantOrder(n, cents, rapid.SampledFrom([]int{0, 40, 41, 140, 240}).Draw(t, "days"))
		m.settle(t, o.Mark, func() (adapters.Answer, error) { return m.a.CreateGrant(m.t.Context(), o) })
		m.grants = append(m.grants, n)
		m.given[grantID(n)], m.left[grantID(n)] = cents, cents
	case kind == "end":
		i := live.Draw(t, "grant")
		id := grantID(m.grants[i])
		o := adapters.EndOrder{Mark: m.mark(adapters.EndKind, n, string(id)), Grant: id, Holding: adapters.Holding{Scale: 2, Unit: "usd"}, Links: m.links}
		m.settle(t, o.Mark, func() (adapters.Answer, error) { return m.a.EndGrant(m.t.Context(), o) })
		m.given[id], m.left[id] = 0, 0
	default:
		g := m.grants[live.Draw(t, "grant")]
		id := grantID(g)
		low, high := int64(0), m.left[id]
		if kind == "back" {
			low, high = m.left[id]-m.given[id], 0
		}
		cents := rapid.Int64Range(low, high).Draw(t, "cents")
		if kind != "back" && rapid.Bool().Draw(t, "all") {
			cents = high
		}
		o := m.draw(n, g, cents)
		m.settle(t, o.Mark, func() (adapters.Answer, error) { return m.a.Consume(m.t.Context(), o) })
		m.left[id] -= cents
		m.used += cents
	}
}

// settle sends an order until it is done: one that may have acted is looked up.
func (m *model) settle(t *rapid.T, mark adapters.Mark, order func() (adapters.Answer, error)) {
	for range 4 {
		got, err := order()
		if err != nil && adapters.AsError(err).Ambiguous() {
			if got, err = m.a.Find(m.t.Context(), mark); err == nil && len(got.Links) == 0 {
				continue
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", mark.Kind, err)
		}
		m.links = append(m.links, got.Links...)
		if again, err := order(); err != nil || fmt.Sprint(again) != fmt.Sprint(got) {
			t.Fatalf("%s again: %v, %v; first %v", mark.Kind, again, err, got)
		}
		return
	}
	t.Fatalf("%s is never settled", mark.Kind)
}
