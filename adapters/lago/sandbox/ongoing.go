package sandbox

import (
	"cmp"
	"slices"
	"time"
)

// owed is usage that no invoice has taken yet, tax included, by the kind of fee
// and what it may be paid with. It is negative where more was billed than used.
type owed struct {
	Kind   string // of the fee
	Metric string
	Target string // code of the only wallet that may pay it
	Cents  int64
}

// accepts says whether a wallet may pay a kind of fee.
func (x *wallet) accepts(kind, metric, target string) bool {
	switch {
	case target != "":
		return x.Code == target
	case len(x.Metrics) == 0 && len(x.FeeTypes) == 0:
		return true
	default:
		return metric != "" && slices.Contains(x.Metrics, metric) || slices.Contains(x.FeeTypes, kind)
	}
}

// toppedUpByThreshold says whether a rule refills the wallet when it runs low.
func (x *wallet) toppedUpByThreshold() bool {
	return slices.ContainsFunc(x.Rules, func(r *rule) bool { return r.Trigger == threshold && r.Status == active })
}

// spread estimates which wallet will pay what is owed: debt by debt, each on
// the wallets in their order. The last that may pay takes what is left over,
// and one that refills itself takes everything. Without cascade the first takes
// it all.
func spread(wallets []*wallet, debts []owed, cascade bool) []int64 {
	out := make([]int64, len(wallets))
	debts = slices.Clone(debts)
	slices.SortStableFunc(debts, func(a, b owed) int { return cmp.Compare(min(a.Cents, 0), min(b.Cents, 0)) })
	for _, d := range debts {
		var can []int
		for i, x := range wallets {
			if x.accepts(d.Kind, d.Metric, d.Target) {
				can = append(can, i)
			}
		}
		rest := d.Cents
		for n, i := range can {
			if n == len(can)-1 || !cascade || wallets[i].toppedUpByThreshold() {
				out[i] += rest
				break
			}
			part := min(rest, wallets[i].Balance-out[i])
			out[i], rest = out[i]+part, rest-part
		}
	}
	return out
}

// refresh estimates the ongoing balances of a customer's wallets anew.
func (w *world) refresh(customer string) {
	if owner, ok := w.st.Customers.get(customer); ok {
		owner.Flagged = nil
	}
	all := w.activeWallets(customer)
	for _, currency := range currencies(all) {
		var list []*wallet
		for _, x := range all {
			if x.Currency == currency {
				list = append(list, x)
			}
		}
		for i, sum := range spread(list, w.owedBy(customer, currency), w.since(v151)) {
			before := list[i].Ongoing
			changed := w.setUsage(list[i], sum)
			if before > 0 && list[i].Ongoing <= 0 {
				w.tell("wallet.depleted_ongoing_balance", "wallet", func() obj { return w.walletFields(list[i]) })
			}
			if changed || !w.since(head) {
				w.watch(list[i])
			}
		}
	}
}

func currencies(list []*wallet) []string {
	var out []string
	for _, x := range list {
		if !slices.Contains(out, x.Currency) {
			out = append(out, x.Currency)
		}
	}
	return out
}

// setUsage writes the ongoing numbers and says whether they changed.
func (w *world) setUsage(x *wallet, usage int64) bool {
	was, wasUsage := x.Ongoing, x.Usage
	x.Usage, x.Ongoing = usage, x.Balance-usage
	x.UsageCredits = major(x.Usage, x.Currency).per(x.Rate).round(creditPlaces)
	x.OngoingCredits = major(x.Ongoing, x.Currency).per(x.Rate).round(creditPlaces)
	return was != x.Ongoing || wasUsage != x.Usage
}

// flag asks for a refresh at the next run of the clock.
func (w *world) flag(customer string) {
	if x, ok := w.st.Customers.get(customer); ok && x.Flagged == nil {
		x.Flagged = &w.now
	}
}

const refreshEvery = 5 * time.Minute

// refreshAt is when the clock refreshes a flagged customer.
func refreshAt(flagged time.Time) time.Time {
	at := flagged.Truncate(refreshEvery)
	if at.Before(flagged) {
		at = at.Add(refreshEvery)
	}
	return at
}

// refreshes says whether the clock refreshes ongoing balances at all.
func (w *world) refreshes() bool { return !w.a.Variant(ongoingStale) && !w.a.Variant(noLicence) }
