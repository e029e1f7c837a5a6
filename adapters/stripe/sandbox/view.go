package sandbox

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

// decimals is how many digits of a currency's amounts are below one.
func decimals(currency string) int {
	switch currency {
	case "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf":
		return 0
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 3
	default:
		return 2
	}
}

// major writes an amount of minor units in major ones.
func major(currency string, minor int64) string {
	places := decimals(currency)
	sign, digits := "", strconv.FormatInt(minor, 10)
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for len(digits) <= places {
		digits = "0" + digits
	}
	if places == 0 {
		return sign + digits
	}
	cut := len(digits) - places
	return sign + digits[:cut] + "." + digits[cut:]
}

// number is a JSON number written as it is.
type number string

// MarshalJSON writes the digits.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

func stamp(t *int64) *string {
	if t == nil {
		return nil
	}
	s := sandbox.Stamp(time.Unix(*t, 0))
	return &s
}

// view shows the customers, grants and invoices of an account.
func view(a *sandbox.Account) []sandbox.Customer {
	w := worldOf(a)
	list, byID := []sandbox.Customer{}, map[string]int{}
	for _, x := range w.st.Customers.Rows {
		if x.Deleted {
			continue
		}
		byID[x.ID] = len(list)
		list = append(list, sandbox.Customer{ID: x.ID, ExternalID: x.Metadata["external_id"], Grants: []sandbox.Grant{}, Invoices: []sandbox.Invoice{}, Meters: map[string]string{}})
	}
	for _, g := range w.st.Grants.Rows {
		if i, ok := byID[g.Customer]; ok {
			list[i].Grants = append(list[i].Grants, w.viewGrant(g))
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if i, ok := byID[x.Customer]; ok {
			list[i].Invoices = append(list[i].Invoices, sandbox.Invoice{
				ID: x.ID, Status: x.Status, Currency: x.Currency, Total: major(x.Currency, x.total()), Paid: major(x.Currency, x.AmountPaid),
				PayURL: x.PayURL, Metadata: x.Metadata,
			})
		}
	}
	w.viewUsage(list, byID)
	return list
}

func (w *world) viewGrant(g *grant) sandbox.Grant {
	remaining := g.Remaining
	if !g.Granted && g.VoidedAt == nil && !g.lapsed(w.now) {
		remaining = g.Value
	}
	if g.lapsed(w.now) {
		remaining = 0
	}
	priority := int(g.Priority)
	return sandbox.Grant{
		ID: g.ID, Amount: major(g.Currency, g.Value), Remaining: major(g.Currency, remaining), Unit: g.Currency,
		EffectiveAt: stamp(&g.EffectiveAt), ExpiresAt: stamp(g.ExpiresAt), Priority: &priority, Category: g.Category,
		Metadata: g.Metadata, State: g.phase(w.now),
	}
}

// viewUsage adds up the counted meter events of each customer.
func (w *world) viewUsage(list []sandbox.Customer, byID map[string]int) {
	total, meters := make([]big.Rat, len(list)), map[string]map[string]*big.Rat{}
	for _, e := range w.st.MeterEvents.Rows {
		i, ok := byID[e.Customer]
		v, number := decimal(e.Value)
		if !ok || !number || !e.counts() {
			continue
		}
		total[i].Add(&total[i], v)
		if meters[e.Customer] == nil {
			meters[e.Customer] = map[string]*big.Rat{}
		}
		sum := meters[e.Customer][e.EventName]
		if sum == nil {
			sum = new(big.Rat)
			meters[e.Customer][e.EventName] = sum
		}
		sum.Add(sum, v)
	}
	for i := range list {
		list[i].Consumed = plain(&total[i])
		for name, sum := range meters[list[i].ID] {
			list[i].Meters[name] = plain(sum)
		}
	}
}
