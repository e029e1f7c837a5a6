package lago

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

const (
	codePrefix = "scrip_"
	never      = "never"
	day        = core.Time(24 * time.Hour / time.Microsecond)
)

// ExpiryAtVendor is when the wallet that holds a grant expires: the first
// instant (UTC) of a quarter, one day after the core's expiry or later. Wallets
// expire and not top-ups, and a customer can have six: enough for all quarters
// of the coming year, and for ever. The core withdraws each grant at its own
// instant; the day is for orders that are still under way. Never stays
// [core.Never].
func ExpiryAtVendor(expires core.Time) core.Time {
	if expires > core.Never-366*day {
		return core.Never
	}
	at := (expires + day).Std()
	quarter := time.Date(at.Year(), (at.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
	if quarter.Before(at) {
		quarter = quarter.AddDate(0, 3, 0)
	}
	return core.TimeOf(quarter)
}

// bucket is where grants of one currency and quarter of expiry are kept.
type bucket struct {
	customer string
	currency string // as we write it
	expires  core.Time
}

// code names the bucket's wallet at Lago, where it is unique among a customer's
// active wallets.
func (b bucket) code() string {
	if b.expires == core.Never {
		return codePrefix + b.currency + "_" + never
	}
	return codePrefix + b.currency + "_" + b.expires.Std().Format("2006_01")
}

type appliesTo struct {
	Fees    []string `json:"fee_types"`
	Metrics []string `json:"billable_metric_codes"`
}

// inert are the fees that our wallets serve: only those of invoices for wallets
// themselves, which Lago never draws on wallets for. A wallet without such a
// limit would pay the customer's other invoices with credits that the core has
// not spent. The limit is one of fees alone, since any change of a wallet drops
// its metrics.
func inert() appliesTo { return appliesTo{Fees: []string{"credit"}, Metrics: []string{}} }

type walletBody struct {
	Customer string    `json:"external_customer_id"`
	Rate     string    `json:"rate_amount"`
	Currency string    `json:"currency"`
	Name     string    `json:"name"`
	Code     string    `json:"code"`
	Expires  string    `json:"expiration_at,omitempty"`
	Applies  appliesTo `json:"applies_to"`
}

// find is the bucket's active wallet among those of the customer.
func (b bucket) find(all []wallet) (wallet, bool) {
	for _, w := range all {
		if w.Code == b.code() && w.active() && w.Currency == strings.ToUpper(b.currency) {
			return w, true
		}
	}
	return wallet{}, false
}

// room is the bucket's wallet, made where there is none. Where the customer has
// as many as Lago allows, those of ours that hold nothing are terminated first;
// a [adapters.CodeFull] error says that all hold something. all are the wallets
// of the customer.
func (a *Adapter) room(ctx context.Context, b bucket, all []wallet) (wallet, error) {
	if w, ok := b.find(all); ok {
		return w, nil
	}
	w, err := a.makeWallet(ctx, b)
	switch {
	case refusedFor(err, "value_already_exist"):
		// It was made meanwhile, or reads lag behind writes.
		again, listErr := a.wallets(ctx, b.customer)
		if listErr != nil {
			return wallet{}, listErr
		}
		if w, ok := b.find(again); ok {
			return w, nil
		}
		return wallet{}, adapters.Errorf(adapters.CodeInProgress, "the wallet %s exists and is not to be seen yet", b.code())
	case !refusedFor(err, "wallet_limit_reached"):
		return w, err
	}
	freed, freeErr := a.terminateEmpty(ctx, all)
	if freeErr != nil {
		return wallet{}, freeErr
	}
	if freed {
		w, err = a.makeWallet(ctx, b)
	}
	if refusedFor(err, "wallet_limit_reached") {
		full := *adapters.AsError(err)
		full.Code, full.Message = adapters.CodeFull, "the customer has as many wallets as the vendor allows, and each of ours holds something"
		return wallet{}, &full
	}
	return w, err
}

func (a *Adapter) makeWallet(ctx context.Context, b bucket) (wallet, error) {
	body := walletBody{
		Customer: b.customer, Rate: "1", Currency: strings.ToUpper(b.currency), Code: b.code(), Applies: inert(),
		Name: "Prepaid " + strings.ReplaceAll(strings.TrimPrefix(b.code(), codePrefix), "_", " "),
	}
	if b.expires != core.Never {
		body.Expires = instant(b.expires)
	}
	var made struct {
		Wallet wallet `json:"wallet"`
	}
	err := a.api.Send(ctx, http.MethodPost, "/wallets", "", map[string]any{"wallet": body}, &made)
	if err == nil && (made.Wallet.ID == "" || made.Wallet.Code != body.Code || !made.Wallet.active() || made.Wallet.Currency != body.Currency) {
		err = noEffectSeen()
	}
	return made.Wallet, err
}

// terminateEmpty ends one wallet of ours that holds nothing. Each is read again
// first: the list may be older than what went into it.
func (a *Adapter) terminateEmpty(ctx context.Context, all []wallet) (bool, error) {
	for _, w := range all {
		if !w.ours() || !w.active() || w.Balance == nil || *w.Balance != 0 {
			continue
		}
		now, err := a.wallet(ctx, w.ID)
		if err != nil {
			return false, err
		}
		if now.Balance == nil || *now.Balance != 0 || !now.active() {
			continue
		}
		return true, a.api.Send(ctx, http.MethodDelete, rest.Path("wallets", w.ID), "", struct{}{}, nil)
	}
	return false, nil
}

// wallet reads one wallet.
func (a *Adapter) wallet(ctx context.Context, id string) (wallet, error) {
	var got struct {
		Wallet wallet `json:"wallet"`
	}
	err := a.api.Get(ctx, rest.Path("wallets", id), nil, &got)
	if err == nil && got.Wallet.ID != id {
		err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the wallet that was asked for")
	}
	return got.Wallet, err
}

// transaction reads one movement.
func (a *Adapter) transaction(ctx context.Context, id string) (transaction, error) {
	var got struct {
		Transaction transaction `json:"wallet_transaction"`
	}
	err := a.api.Get(ctx, rest.Path("wallet_transactions", id), url.Values{}, &got)
	if err == nil && (got.Transaction.ID != id || got.Transaction.Wallet == "") {
		err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the transaction that was asked for")
	}
	return got.Transaction, err
}

// movement is a new transaction: a top-up or a void.
type movement struct {
	Wallet   string `json:"wallet_id"`
	Granted  string `json:"granted_credits,omitempty"`
	Voided   string `json:"voided_credits,omitempty"`
	From     string `json:"voided_transaction_id,omitempty"` // the top-up that a void takes from
	Name     string `json:"name"`
	Priority int    `json:"priority,omitempty"`
	Metadata pairs  `json:"metadata"`
}

// topUp makes a granted top-up of so many cents.
func (a *Adapter) topUp(ctx context.Context, m movement, cents int64, scale int) (transaction, error) {
	m.Granted = core.Amount(cents).Format(scale)
	return a.move(ctx, m, "inbound", cents, scale)
}

// void takes so many cents off a wallet.
func (a *Adapter) void(ctx context.Context, m movement, cents int64, scale int) (transaction, error) {
	m.Voided = core.Amount(cents).Format(scale)
	return a.move(ctx, m, "outbound", cents, scale)
}

// move makes one transaction, and checks that Lago made it of all the cents: it
// rounds, and drops fields that it does not know.
func (a *Adapter) move(ctx context.Context, m movement, want string, cents int64, scale int) (transaction, error) {
	var made struct {
		Transactions []transaction `json:"wallet_transactions"`
	}
	if err := a.api.Send(ctx, http.MethodPost, "/wallet_transactions", "", map[string]any{"wallet_transaction": m}, &made); err != nil {
		return transaction{}, err
	}
	if len(made.Transactions) != 1 {
		return transaction{}, noEffectSeen()
	}
	t := made.Transactions[0]
	got, ok := t.Amount.Parts(scale)
	if credits, also := t.Credits.Parts(scale); t.ID == "" || t.Wallet != m.Wallet || t.Type != want || !ok || !also || got != cents || credits != cents {
		return transaction{}, noEffectSeen()
	}
	return t, nil
}

// instant writes a time as Lago reads it.
func instant(t core.Time) string { return t.Std().UTC().Format("2006-01-02T15:04:05Z") }
