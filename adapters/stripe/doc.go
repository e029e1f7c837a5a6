// Package stripe speaks to Stripe through stripe-go v76: customers, invoices
// that sell packs, carrier subscriptions, billing credit grants, meter events and webhooks.
//
// Stripe holds grants as money in whole minor units and draws them down by
// itself when a subscription invoice with metered lines is final. So this
// adapter gives it what is left of each grant and tells consumption as a
// metered quantity of value; nothing here debits a grant, since no call does.
//
// The invoice comes of a carrier: a subscription of the customer's own with two
// metered prices of one minor unit. Grants pay for the first alone, so that
// plan fees and overage are never paid with credits.
//
// Calls of API version 2023-10-16 go through the typed clients. Credit grants
// are newer than stripe-go v76 and go through its Backend with types of ours.
package stripe
