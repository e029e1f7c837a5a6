// Package sandbox is a stateful stand-in for Lago, written from Lago's published
// wire behaviour: customers, wallets and their transactions with grant-by-grant
// consumption, credit invoices and their payment, usage events with as much of
// plans, subscriptions and invoices as wallets depend on, and signed webhooks.
// Charges know the standard model, metrics sums and counts; coupons and
// upgrades do not exist in it.
package sandbox

import "scrip/adapters/sandbox"

// New returns a running Lago sandbox; Close ends it.
func New(o sandbox.Options) *sandbox.Server { return sandbox.New(vendor(), o) }

func vendor() sandbox.Vendor {
	return sandbox.Vendor{
		Name:     "lago",
		NewState: func() any { return &state{} },
		Routes:   routes(),
		Refuse:   refuse,
		Webhooks: sandbox.Webhooks{
			Fields: []string{algoSetting, issuerSetting}, Added: endpointAdded, Sign: sign, Retry: retry, Accepts: accepts,
		},
		Variants: variants(),
		Due:      due, Run: runDue,
		View: view, Pay: pay, Mutate: mutate, Hosted: hosted,
	}
}
