package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/adapters/chargebee"
	chargebeebox "scrip/adapters/chargebee/sandbox"
	"scrip/adapters/lago"
	lagobox "scrip/adapters/lago/sandbox"
	"scrip/adapters/metronome"
	metronomebox "scrip/adapters/metronome/sandbox"
	"scrip/adapters/orb"
	orbbox "scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe"
	stripebox "scrip/adapters/stripe/sandbox"
	"scrip/core"
	"scrip/mapping/config"
)

// vendor is one billing vendor that Scrip can speak to. This file is the only
// place outside a vendor's own folder that names one.
type vendor struct {
	name    string
	title   string
	traits  adapters.Traits
	open    func(c config.Connection, now func() core.Time) (adapters.Adapter, error)
	sandbox func(kit.Options) *kit.Server
	live    func(key string) bool // whether an API key is for real money
	pays    string                // the vendor that collects the money in the demo, where this one cannot
	rival   string                // the vendor to which the demo's company moves
	units   bool                  // it holds units of its own, not money
	carrier bool                  // a carrier may be named whatever the strategy: here, who collects from new customers
	demo    demoScript
}

// demoScript is what the demo must know to make a vendor misbehave.
type demoScript struct {
	faults []body                                   // lost answers, time-outs, broken connections on every write
	paid   string                                   // the event that proves a payment, delivered three times
	twin   string                                   // another event about the same payment, delivered out of order
	forge  func(at time.Time) (http.Header, []byte) // a payment webhook signed with another secret
}

// defaultVendor is the one that init and demo take when none is named.
const defaultVendor = "stripe"

// vendors lists the known vendors by name.
func vendors() []vendor {
	return []vendor{chargebeeVendor(), lagoVendor(), metronomeVendor(), orbVendor(), stripeVendor()}
}

func chargebeeVendor() vendor {
	return vendor{
		name: "chargebee", title: "Chargebee", traits: (*chargebee.Adapter)(nil).Traits(), units: true, rival: "stripe",
		open: func(c config.Connection, now func() core.Time) (adapters.Adapter, error) {
			base := c.BaseURL
			if base != "" {
				base = strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/api/v2") + "/api/v2"
			}
			return chargebee.New(chargebee.Config{
				Key: c.APIKey.Reveal(), WebhookSecrets: reveal(c.WebhookSecrets), BaseURL: base, Carrier: c.Carrier, Now: now,
			})
		},
		sandbox: chargebeebox.New,
		live:    func(string) bool { return false }, // events do not tell whether a site is live
		demo: demoScript{
			faults: []body{
				{"match": body{"method": "POST", "path": "/api/v2/customers$"}, "kind": "malformed", "count": 1},
				{"match": body{"method": "POST", "path": "/api/v2/ledger_operations/allocate"}, "kind": "status_after", "status": 500, "count": 1},
				{"match": body{"method": "POST", "path": "/api/v2/ledger_operations/capture"}, "kind": "timeout_after", "delay": "300ms", "count": 2},
				{"match": body{"method": "POST", "path": "/api/v2/invoices"}, "kind": "reset", "count": 1},
			},
			paid: "payment_succeeded", twin: "invoice_updated", forge: forgeChargebee,
		},
	}
}

func lagoVendor() vendor {
	return vendor{
		name: "lago", title: "Lago", traits: (*lago.Adapter)(nil).Traits(), rival: "stripe", carrier: true,
		open: func(c config.Connection, now func() core.Time) (adapters.Adapter, error) {
			base := c.BaseURL
			if base != "" {
				base = strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/api/v1") + "/api/v1"
			}
			return lago.New(lago.Config{
				Key: c.APIKey.Reveal(), WebhookSecrets: reveal(c.WebhookSecrets), BaseURL: base, Now: now, Collector: c.Carrier,
			})
		},
		sandbox: lagobox.New,
		live:    func(string) bool { return false }, // there is no test mode, an organization is one or the other
		demo: demoScript{
			faults: []body{
				{"match": body{"method": "POST", "path": "/api/v1/customers$"}, "kind": "malformed", "count": 1},
				{"match": body{"method": "POST", "path": "/api/v1/wallets$"}, "kind": "status_after", "status": 500, "count": 1},
				{"match": body{"method": "POST", "path": "/api/v1/wallet_transactions$"}, "kind": "timeout_after", "delay": "300ms", "count": 2},
				{"match": body{"method": "POST", "path": "/api/v1/invoices$"}, "kind": "reset", "count": 1},
			},
			paid: "invoice.payment_status_updated", twin: "payment.succeeded", forge: forgeLago,
		},
	}
}

func metronomeVendor() vendor {
	return vendor{
		name: "metronome", title: "Metronome", traits: (*metronome.Adapter)(nil).Traits(), units: true, pays: "stripe", rival: "stripe",
		open: func(c config.Connection, now func() core.Time) (adapters.Adapter, error) {
			return metronome.New(metronome.Config{
				Key: c.APIKey.Reveal(), WebhookSecrets: reveal(c.WebhookSecrets), BaseURL: c.BaseURL, Now: now,
				Units: slices.Sorted(maps.Values(c.Units)),
			})
		},
		sandbox: metronomebox.New,
		live:    func(string) bool { return false }, // tokens do not tell
		demo: demoScript{
			faults: []body{
				{"match": body{"method": "POST", "path": "/v1/customers$"}, "kind": "malformed", "count": 1},
				{"match": body{"method": "POST", "path": "/v1/contracts/customerCommits/create"}, "kind": "status_after", "status": 500, "count": 1},
				{"match": body{"method": "POST", "path": "/v1/contracts/addManualBalanceLedgerEntry"}, "kind": "timeout_after", "delay": "300ms", "count": 1},
				{"match": body{"method": "POST", "path": "/v1/contracts/addManualBalanceLedgerEntry"}, "kind": "reset", "count": 1},
			},
		},
	}
}

func orbVendor() vendor {
	return vendor{
		name: "orb", title: "Orb", traits: (*orb.Adapter)(nil).Traits(), units: true, pays: "stripe", rival: "stripe",
		open: func(c config.Connection, now func() core.Time) (adapters.Adapter, error) {
			base := c.BaseURL
			if base != "" {
				base = strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/v1") + "/v1"
			}
			return orb.New(orb.Config{
				Key: c.APIKey.Reveal(), WebhookSecrets: reveal(c.WebhookSecrets), BaseURL: base, Now: now,
				Units: slices.Sorted(maps.Values(c.Units)),
			})
		},
		sandbox: orbbox.New,
		live:    func(string) bool { return false }, // keys do not tell
		demo: demoScript{
			faults: []body{
				{"match": body{"method": "POST", "path": "/v1/customers$"}, "kind": "malformed", "count": 1},
				{"match": body{"method": "POST", "path": "/v1/customers/*/credits/ledger_entry"}, "kind": "status_after", "status": 500, "count": 1},
				{"match": body{"method": "POST", "path": "/v1/customers/*/credits/ledger_entry"}, "kind": "timeout_after", "delay": "300ms", "count": 1},
				{"match": body{"method": "POST", "path": "/v1/customers/*/credits/ledger_entry"}, "kind": "reset", "count": 1},
			},
		},
	}
}

func stripeVendor() vendor {
	return vendor{
		name: "stripe", title: "Stripe", traits: (*stripe.Adapter)(nil).Traits(), rival: "orb",
		open: func(c config.Connection, now func() core.Time) (adapters.Adapter, error) {
			return stripe.New(stripe.Config{Key: c.APIKey.Reveal(), WebhookSecrets: reveal(c.WebhookSecrets), BaseURL: c.BaseURL, Now: now})
		},
		sandbox: stripebox.New,
		live:    func(key string) bool { return strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_") },
		demo: demoScript{
			faults: []body{
				{"match": body{"method": "POST", "path": "/v1/customers"}, "kind": "malformed", "count": 1},
				{"match": body{"method": "POST", "path": "/v1/invoices"}, "kind": "reset", "count": 1},
				{"match": body{"method": "POST", "path": "/v1/billing/credit_grants"}, "kind": "status_after", "status": 500, "count": 2},
				{"match": body{"method": "POST", "path": "/v1/billing/meter_events"}, "kind": "timeout_after", "delay": "300ms", "count": 2},
			},
			paid: "invoice.paid", twin: "invoice.payment_succeeded", forge: forgeStripe,
		},
	}
}

func vendorNamed(name string) (vendor, bool) {
	for _, v := range vendors() {
		if v.name == name {
			return v, true
		}
	}
	return vendor{}, false
}

func forgeStripe(at time.Time) (http.Header, []byte) {
	raw := []byte(`{"id":"evt_forged","object":"event","api_version":"2023-10-16","type":"invoice.paid","livemode":false,"data":{"object":{"id":"in_forged","object":"invoice"}}}`)
	mac := hmac.New(sha256.New, []byte("whsec_of_somebody_else"))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), raw)
	return http.Header{
		"Content-Type":     {"application/json"},
		"Stripe-Signature": {fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))},
	}, raw
}

func forgeLago(time.Time) (http.Header, []byte) {
	raw := []byte(`{"webhook_type":"invoice.payment_status_updated","object_type":"invoice","organization_id":"o","invoice":{"lago_id":"forged","payment_status":"succeeded"}}`)
	mac := hmac.New(sha256.New, []byte("key-of-another-organization"))
	mac.Write(raw)
	return http.Header{
		"Content-Type":               {"application/json"},
		"X-Lago-Signature":           {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		"X-Lago-Signature-Algorithm": {"hmac"},
	}, raw
}

func forgeChargebee(time.Time) (http.Header, []byte) {
	raw := []byte(`{"id":"ev_forged","object":"event","api_version":"v2","occurred_at":1793614500,"event_type":"payment_succeeded","content":{"invoice":{"id":"INV-1"}}}`)
	return http.Header{
		"Content-Type":  {"application/json"},
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("scrip:of_somebody_else"))},
	}, raw
}

// vendorNames lists the names, for help and errors.
func vendorNames() []string {
	var names []string
	for _, v := range vendors() {
		names = append(names, v.name)
	}
	return names
}

func reveal(secrets []config.Secret) []string {
	values := make([]string, len(secrets))
	for i, s := range secrets {
		values[i] = s.Reveal()
	}
	return values
}
