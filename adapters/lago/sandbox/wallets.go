package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

const (
	mostWallets        = 6
	mostWalletsByDocs  = 5
	defaultPriority    = 50
	mostMetadataKeys   = 50
	longestMetadataKey = 100
	longestMetadata    = 255
)

// feeTypes are the kinds of fees a wallet can be limited to.
func feeTypes() []string {
	return []string{"charge", "add_on", "subscription", "credit", "commitment", "fixed_charge", "product"}
}

// createWallet makes a wallet at once; the credits that it begins with come in
// the background.
func createWallet(c *call) (any, error) {
	p, err := c.root("wallet")
	if err != nil {
		return nil, err
	}
	external := p.word("external_customer_id")
	if id := c.Path("external_id"); id != "" {
		if external = id; !c.known(id) {
			return nil, missing("customer")
		}
	}
	f := faults{}
	x := &wallet{Status: active, Entity: entity, Created: c.now, Priority: defaultPriority, Method: p.payment(method{Type: "provider"})}
	owner, found := c.byExternal(external)
	if !found {
		return nil, invalid("customer", "customer_not_found")
	}
	x.Customer = owner.ID
	mine := c.activeWallets(owner.ID)
	if len(mine) >= c.walletLimit() {
		f.add("customer", "wallet_limit_reached")
	}
	x.Currency = p.word("currency")
	if x.Currency == "" {
		x.Currency = owner.currency()
	}
	if !isCurrency(x.Currency) {
		f.add("currency", "value_is_invalid")
	}
	if rate := p.decimal("rate_amount"); rate != nil && rate.round(creditPlaces).sign() > 0 {
		x.Rate = rate.round(creditPlaces)
	} else {
		f.add("rate_amount", "value_is_out_of_range")
	}
	x.Traceable = !c.a.Variant(untraceable) && !slices.ContainsFunc(mine, func(o *wallet) bool { return !o.Traceable })
	first := c.initialCredits(x, p, f)
	if err := c.applyWallet(x, p, f, mine); err != nil {
		return nil, err
	}
	x.ID = c.uuid()
	c.st.Wallets.add(x)
	c.st.byOwner = nil
	c.tell("wallet.created", "wallet", func() obj { return c.walletNotice(x) })
	if first.Paid.sign() > 0 || first.Granted.sign() > 0 {
		first.RequiresPayment = x.RequiresPayment
		c.later("top_up", x.ID, 0, first)
	}
	return obj{"wallet": c.renderWallet(x)}, nil
}

func (w *world) known(external string) bool { _, ok := w.byExternal(external); return ok }

func (w *world) walletLimit() int {
	if w.a.Variant(fiveWallets) {
		return mostWalletsByDocs
	}
	return mostWallets
}

// activeWallets are a customer's, in the order in which invoices use them.
func (w *world) activeWallets(customer string) []*wallet {
	var out []*wallet
	for _, x := range w.walletsOf(customer) {
		if x.Status == active {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b *wallet) int { return a.Priority - b.Priority })
	return out
}

// initialCredits reads what a wallet begins with.
func (c *call) initialCredits(x *wallet, p params, f faults) *topUp {
	t := &topUp{Source: manual, Priority: defaultPriority, Method: x.Method}
	t.Paid, t.Granted, t.Name = p.credits("paid_credits", f), p.credits("granted_credits", f), p.text("transaction_name")
	if n := p.number("transaction_priority"); n != nil {
		t.Priority = c.priority(*n, "transaction_priority", f)
	}
	list, code := p.pairs("transaction_metadata", mostInitialPairs)
	if code != "" {
		f["transaction_metadata"] = code
	}
	t.Metadata = list
	x.Min, x.Max = p.number("paid_top_up_min_amount_cents"), p.number("paid_top_up_max_amount_cents")
	c.checkTopUp(x, t.Paid, t.Granted, p.flag("ignore_paid_top_up_limits_on_creation"), f)
	return t
}

func (c *call) priority(n int64, field string, f faults) int {
	if n < 1 || n > 50 {
		f.add(field, "value_is_out_of_range")
	}
	return int(n)
}

// applyWallet takes over what creation and update have in common; nothing is
// changed when it fails.
func (c *call) applyWallet(x *wallet, p params, f faults, others []*wallet) error {
	next := *x
	if p.has("name") {
		next.Name = p.text("name")
	}
	if p.has("purchase_order_number") {
		next.Order = p.text("purchase_order_number")
	}
	if err := c.applyCode(&next, p, f, others); err != nil {
		return err
	}
	if n := p.number("priority"); n != nil {
		next.Priority = c.priority(*n, "priority", f)
	}
	if p.has("expiration_at") {
		t, ok := p.moment("expiration_at")
		if !ok || t != nil && !t.After(c.now) {
			f.add("expiration_at", "invalid_date")
		}
		next.Expiration = t
	}
	if p.given("invoice_requires_successful_payment") {
		next.RequiresPayment = p.flag("invoice_requires_successful_payment") && !c.a.Variant(noLicence)
	}
	for name, at := range map[string]**int64{"paid_top_up_min_amount_cents": &next.Min, "paid_top_up_max_amount_cents": &next.Max} {
		if p.has(name) {
			if *at = p.number(name); *at != nil && **at <= 0 {
				f.add(name, "value_is_out_of_range")
			}
		}
	}
	if next.Min != nil && next.Max != nil && *next.Max < *next.Min {
		f.add("paid_top_up_max_amount_cents", "must_be_greater_than_or_equal_min")
	}
	c.applyTargets(&next, p, f)
	if p.has("metadata") {
		next.Metadata = mergedMetadata(nil, p["metadata"], f)
	}
	next.Rules = c.applyRules(&next, p, f)
	next.Method = p.payment(x.Method)
	if err := f.problem(); err != nil {
		return err
	}
	*x = next
	return nil
}

func (c *call) applyCode(x *wallet, p params, f faults, others []*wallet) error {
	taken := func(code string) bool {
		return slices.ContainsFunc(others, func(o *wallet) bool { return o.Code == code && o.ID != x.ID })
	}
	switch code := p.word("code"); {
	case code != "" && taken(code) && c.a.Variant(duplicateCodeServer):
		return &problem{Status: http.StatusInternalServerError, Text: "Internal Server Error"}
	case code != "" && taken(code):
		f.add("code", "value_already_exist")
	case code != "":
		x.Code = code
	case x.Code == "":
		x.Code = parameterized(or(x.Name, ""))
		if taken(x.Code) {
			x.Code = fmt.Sprintf("%s_%d", x.Code, c.now.Unix())
		}
	}
	return nil
}

// parameterized is a name as a code.
func parameterized(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "default"
	}
	return strings.Join(words, "_")
}

// applyTargets reads applies_to. Metrics are always set to what is given: an
// update without them takes the wallet's restrictions away.
func (c *call) applyTargets(x *wallet, p params, f faults) {
	to := p.object("applies_to")
	if to.given("fee_types") {
		x.FeeTypes = to.words("fee_types")
	}
	for _, kind := range x.FeeTypes {
		if !slices.Contains(feeTypes(), kind) {
			f.add("allowed_fee_types", "invalid_fee_types")
			break
		}
	}
	x.Metrics = to.words("billable_metric_codes")
	for _, code := range x.Metrics {
		if _, ok := c.metricNamed(code); !ok {
			f.add("billable_metrics", "invalid_identifier")
			break
		}
	}
}

// mergedMetadata is a wallet's metadata with an update in it.
func mergedMetadata(old map[string]*string, update json.RawMessage, f faults) map[string]*string {
	if len(update) == 0 || string(update) == "null" {
		return nil
	}
	var fields params
	if json.Unmarshal(update, &fields) != nil {
		f.add("metadata", "invalid_type")
		return old
	}
	out := map[string]*string{}
	for k, v := range old {
		out[k] = v
	}
	for k := range fields {
		v := fields.text(k)
		if fields.given(k) && v == nil || len([]rune(or(v, ""))) > longestMetadata || k == "" || len([]rune(k)) > longestMetadataKey {
			f.add("metadata", "invalid_key_value_pair")
		}
		out[k] = v
	}
	if len(out) > mostMetadataKeys {
		f.add("metadata", "too_many_keys")
	}
	return out
}

// walletOf is the wallet of a path: by its id, or by its code among those of a
// customer, where any that has it may come.
func (c *call) walletOf() (*wallet, error) {
	if c.Path("external_id") == "" {
		x, ok := c.st.Wallets.get(c.Path("wallet_id"))
		if !ok {
			return nil, missing("wallet")
		}
		return x, nil
	}
	owner, err := c.named()
	if err != nil {
		return nil, err
	}
	for _, x := range c.walletsOf(owner.ID) {
		if x.Code == c.Path("code") {
			return x, nil
		}
	}
	return nil, missing("wallet")
}

func getWallet(c *call) (any, error) {
	x, err := c.walletOf()
	if err != nil {
		return nil, err
	}
	return obj{"wallet": c.renderWallet(x)}, nil
}

func listWallets(c *call) (any, error) {
	external := c.query().Get("external_customer_id")
	if id := c.Path("external_id"); id != "" {
		external = id
	}
	owner, found := c.byExternal(external)
	if external != "" && !found {
		return nil, missing("customer")
	}
	currency := c.among("currency")
	rows := c.st.Wallets.Rows
	if owner != nil {
		rows = c.walletsOf(owner.ID)
	}
	return page(c, "wallets", rows, func(x *wallet) bool { return currency(x.Currency) }, c.renderWallet)
}

func updateWallet(c *call) (any, error) {
	x, err := c.walletOf()
	if err != nil {
		return nil, err
	}
	p, err := c.root("wallet")
	if err != nil {
		return nil, err
	}
	if x.Status == terminated && c.since(head) {
		return nil, invalid("wallet_id", "wallet_is_terminated")
	}
	if err := c.applyWallet(x, p, faults{}, c.activeWallets(x.Customer)); err != nil {
		return nil, err
	}
	c.walletChanged(x)
	return obj{"wallet": c.renderWallet(x)}, nil
}

func (w *world) walletChanged(x *wallet) {
	w.tell("wallet.updated", "wallet", func() obj { return w.walletNotice(x) })
	w.later("refresh", x.Customer, 0, nil)
}

func deleteWallet(c *call) (any, error) {
	x, err := c.walletOf()
	if err != nil {
		return nil, err
	}
	c.terminate(x)
	return obj{"wallet": c.renderWallet(x)}, nil
}

// terminate ends a wallet. No movement is written and its balance stays.
func (w *world) terminate(x *wallet) {
	if x.Status == terminated {
		return
	}
	x.Status, x.Terminated = terminated, &w.now
	for _, r := range x.Rules {
		r.Status = terminated
	}
	w.tell("wallet.terminated", "wallet", func() obj { return w.walletNotice(x) })
}

// changeMetadata answers the three calls that change a wallet's metadata. The
// vendor handles replacing and merging as an update without applies_to.
func changeMetadata(keep bool) handler {
	return func(c *call) (any, error) {
		x, err := c.walletOf()
		if err != nil {
			return nil, err
		}
		var body params
		if json.Unmarshal(c.Body, &body) != nil || !body.has("metadata") {
			return nil, c.noRoot("metadata")
		}
		f, old := faults{}, x.Metadata
		if !keep {
			old = nil
		}
		next := mergedMetadata(old, body["metadata"], f)
		if err := f.problem(); err != nil {
			return nil, err
		}
		x.Metadata, x.Metrics = next, nil
		return c.shownMetadata(x), nil
	}
}

func dropMetadata(c *call) (any, error) {
	x, err := c.walletOf()
	if err != nil {
		return nil, err
	}
	if key := c.Path("key"); key != "" {
		if _, ok := x.Metadata[key]; !ok {
			return nil, missing("metadata")
		}
		delete(x.Metadata, key)
	} else {
		x.Metadata = nil
	}
	return c.shownMetadata(x), nil
}

func (c *call) shownMetadata(x *wallet) obj {
	if x.Metadata == nil {
		return obj{"metadata": nil}
	}
	return obj{"metadata": x.Metadata}
}

// walletFields are those that every rendering of a wallet has.
func (w *world) walletFields(x *wallet) obj {
	owner, _ := w.st.Customers.get(x.Customer)
	out := obj{
		"lago_id": x.ID, "lago_customer_id": x.Customer, "external_customer_id": owner.external(), "billing_entity_code": x.Entity,
		"status": x.Status, "currency": x.Currency, "name": x.Name, "code": x.Code, "purchase_order_number": x.Order, "rate_amount": x.Rate,
		"credits_balance": x.Credits, "credits_ongoing_balance": x.OngoingCredits, "credits_ongoing_usage_balance": x.UsageCredits,
		"balance_cents": x.Balance, "ongoing_balance_cents": x.Ongoing, "ongoing_usage_balance_cents": x.Usage, "consumed_credits": x.Consumed,
		"created_at": instant(x.Created), "expiration_at": stamp(x.Expiration), "last_balance_sync_at": stamp(x.LastSync),
		"last_consumed_credit_at": stamp(x.LastConsumed), "terminated_at": precise(x.Terminated),
		"invoice_requires_successful_payment": x.RequiresPayment, "paid_top_up_min_amount_cents": x.Min, "paid_top_up_max_amount_cents": x.Max,
		"priority": x.Priority, "payment_method": x.Method,
	}
	if x.Metadata != nil {
		out["metadata"] = x.Metadata
	}
	return out
}

// walletNotice is a wallet as its webhooks have it.
func (w *world) walletNotice(x *wallet) obj {
	out := w.walletFields(x)
	rules := []obj{}
	for _, r := range x.Rules {
		if r.Status == active {
			rules = append(rules, renderRule(r))
		}
	}
	out["recurring_transaction_rules"] = rules
	return out
}

func (w *world) renderWallet(x *wallet) obj {
	out := w.walletNotice(x)
	out["applies_to"] = obj{"fee_types": filled(x.FeeTypes), "billable_metric_codes": filled(x.Metrics)}
	out["applied_invoice_custom_sections"] = []any{}
	return out
}
