package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"scrip/adapters/sandbox"
)

// ledgerInput is the JSON body of all calls that change a ledger.
type ledgerInput struct {
	ID            string          `json:"id"`
	Subscription  string          `json:"subscription_id"`
	Unit          string          `json:"unit_id"`
	Amount        string          `json:"amount"`
	Timestamp     int64           `json:"ledger_operation_timestamp"`
	AutoRelease   int64           `json:"auto_release_timestamp"`
	Expires       int64           `json:"expires_at"`
	Authorization string          `json:"authorization_id"`
	Metadata      json.RawMessage `json:"metadata"`

	amount amount
}

// ledgerInput reads the body; names ending in ! have to be there, and no other
// than those named may be.
func (c *call) ledgerInput(names ...string) (*ledgerInput, error) {
	kind, _, _ := strings.Cut(c.Request.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return nil, failure(http.StatusBadRequest, "invalid_request", "The content type %.60q is not supported here, use application/json", kind)
	}
	var given map[string]json.RawMessage
	in := &ledgerInput{}
	dec := json.NewDecoder(bytes.NewReader(c.Body))
	if json.Unmarshal(c.Body, &given) != nil {
		return nil, failure(http.StatusBadRequest, "invalid_request", "The request body is not a JSON object")
	}
	for _, name := range names {
		short, needed := strings.CutSuffix(name, "!")
		if _, ok := given[short]; !ok && needed {
			return nil, wrong(short, "cannot be blank")
		}
		delete(given, short)
	}
	for name := range given {
		return nil, wrong(name, "is not a parameter of this call")
	}
	if err := dec.Decode(in); err != nil {
		return nil, failure(http.StatusBadRequest, "param_wrong_value", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if in.Amount != "" || slices.Contains(names, "amount!") {
		var err error
		if in.amount, err = parseAmount(in.Amount); err != nil {
			return nil, wrong("amount", "%v", err)
		}
		if in.amount.sign() == 0 {
			return nil, wrong("amount", "should be greater than 0")
		}
	}
	if len(in.ID) > maxID {
		return nil, wrong("id", "should not exceed %d characters", maxID)
	}
	var meta obj
	if len(in.Metadata) > 0 && json.Unmarshal(in.Metadata, &meta) != nil {
		return nil, wrong("metadata", "is not a JSON object")
	}
	return in, nil
}

// account finds what an operation is about. Ledgers of subscriptions that are
// over, and of archived units, take nothing.
func (c *call) account(in *ledgerInput) (*account, error) {
	sub, err := c.subscriptionNamed(in.Subscription)
	if err != nil {
		return nil, err
	}
	unit, ok := c.st.Units.get(in.Unit)
	if !ok {
		return nil, missing("credit_unit", in.Unit)
	}
	if !sub.lives() || unit.Status != unitAlive {
		return nil, invalidState("The subscription is %s and the credit unit is %s", sub.Status, unit.Status)
	}
	return c.ledger(sub, unit), nil
}

// timely checks the 10-minute rule.
func (c *call) timely(in *ledgerInput) error {
	most := c.at() + ahead
	if c.a.Variant(futureRefused) {
		most = c.at()
	}
	if in.Timestamp < c.at()-recent || in.Timestamp > most {
		return wrong("ledger_operation_timestamp", "should be within the last 10 minutes, it is %d and now is %d", in.Timestamp, c.at())
	}
	return nil
}

// taken answers for an operation whose id exists; nil means that it does not.
func (c *call) taken(in *ledgerInput) (any, error) {
	op, ok := c.st.Operations.get(in.ID)
	switch {
	case !ok || in.ID == "":
		return nil, nil
	case c.a.Variant(duplicateReplayed):
		x, ok := c.st.Accounts.get(op.Subscription + "/" + op.Unit)
		if !ok {
			return nil, missing("ledger_operation", in.ID)
		}
		return c.outcome(x, op), nil
	case c.a.Variant(duplicateConflict):
		return nil, invalidState("A ledger operation with the id %.60s exists already", in.ID)
	default:
		return nil, duplicate("id", in.ID)
	}
}

// outcome is the answer of an operation.
func (w *world) outcome(x *account, op *operation) obj {
	blocks, entries := []obj{}, []obj{}
	for _, b := range x.Blocks {
		if slices.ContainsFunc(op.Entries, func(e entry) bool { return e.Block == b.ID }) {
			blocks = append(blocks, w.renderBlock(x, b))
		}
	}
	for _, e := range op.Entries {
		entries = append(entries, renderEntry(op, e))
	}
	return obj{"ledger_operation": renderOperation(op), "ledger_account_balance": w.renderBalance(x), "grant_blocks": blocks, "ledger_entries": entries}
}

// allocated answers allocate and its older twin.
func allocated(older bool) handler {
	return func(c *call) (any, error) {
		in, err := c.ledgerInput("subscription_id!", "unit_id!", "amount!", "expires_at!", "metadata")
		if err != nil {
			return nil, err
		}
		if in.Expires <= c.at() {
			return nil, wrong("expires_at", "should be in the future, it is %d and now is %d", in.Expires, c.at())
		}
		x, err := c.account(in)
		if err != nil {
			return nil, err
		}
		p := c.posting(x)
		p.grant(in.amount, in.Expires, "promotional_grants", in.Metadata)
		p.tell("api")
		ops, blocks, entries := []obj{}, []obj{}, []obj{}
		for _, op := range p.ops {
			ops = append(ops, renderOperation(op))
			for _, e := range op.Entries {
				entries = append(entries, renderEntry(op, e))
			}
		}
		for _, b := range p.blocks {
			blocks = append(blocks, c.renderBlock(x, b))
		}
		out := obj{"ledger_operations": ops, "grant_blocks": blocks}
		if !older {
			out["ledger_account_balance"], out["ledger_entries"] = c.renderBalance(x), entries
		}
		return out, nil
	}
}

// drawn answers capture and authorize.
func drawn(typ string) handler {
	return func(c *call) (any, error) {
		names := []string{"id", "subscription_id!", "unit_id!", "amount!", "ledger_operation_timestamp!", "metadata"}
		if typ == authorize {
			names = append(names, "auto_release_timestamp")
		}
		in, err := c.ledgerInput(names...)
		if err != nil {
			return nil, err
		}
		if got, err := c.taken(in); got != nil || err != nil {
			return got, err
		}
		x, err := c.account(in)
		if err != nil {
			return nil, err
		}
		if err := c.timely(in); err != nil {
			return nil, err
		}
		if in.AutoRelease != 0 && in.AutoRelease <= c.at() {
			return nil, wrong("auto_release_timestamp", "should be in the future")
		}
		order := c.burnable(x, in.Timestamp, typ == authorize)
		if usable := sum(order); usable.cmp(in.amount) < 0 && !c.unlimited(x) {
			return nil, c.insufficient(in, usable)
		}
		p, op := c.posting(x), operation{ID: in.ID, Type: typ, Amount: in.amount, Timestamp: in.Timestamp, AutoRelease: in.AutoRelease, Meta: in.Metadata}
		made := (*operation)(nil)
		if typ == authorize {
			made = p.reserve(op, order)
		} else {
			made = p.spend(op, order)
		}
		p.tell("api")
		return c.outcome(x, made), nil
	}
}

func sum(blocks []*block) amount {
	var out amount
	for _, b := range blocks {
		out = out.add(b.Balance)
	}
	return out
}

func (c *call) insufficient(in *ledgerInput, usable amount) error {
	text := "The usable balance " + usable.String() + " is less than " + in.amount.String()
	switch {
	case c.a.Variant(insufficientConflict):
		return invalidState("%s", text)
	case c.a.Variant(insufficientRefused):
		return failure(http.StatusUnprocessableEntity, "unable_to_process_request", "%s", text)
	default:
		return failure(http.StatusBadRequest, "resource_limit_exhausted", "%s", text)
	}
}

// closed answers capture_authorization and release_authorization.
func closed(typ string) handler {
	return func(c *call) (any, error) {
		names := []string{"authorization_id!", "id", "ledger_operation_timestamp!", "metadata"}
		if typ == captureHeld {
			names = append(names, "amount!")
		}
		in, err := c.ledgerInput(names...)
		if err != nil {
			return nil, err
		}
		if got, err := c.taken(in); got != nil || err != nil {
			return got, err
		}
		parent, ok := c.st.Operations.get(in.Authorization)
		if !ok || parent.Type != authorize {
			return nil, missing("ledger_operation", in.Authorization)
		}
		x, ok := c.st.Accounts.get(parent.Subscription + "/" + parent.Unit)
		if !ok {
			return nil, missing("subscription", parent.Subscription)
		}
		if err := c.timely(in); err != nil {
			return nil, err
		}
		var left amount
		for _, h := range parent.Holds {
			left = left.add(h.Amount)
		}
		if left.sign() == 0 {
			return nil, invalidState("The authorization holds nothing any more")
		}
		if in.amount.cmp(left) > 0 {
			return nil, wrong("amount", "the authorization holds %s", left)
		}
		p, op := c.posting(x), operation{ID: in.ID, Amount: in.amount, Timestamp: in.Timestamp, Meta: in.Metadata}
		made := (*operation)(nil)
		if typ == captureHeld {
			made = p.settle(parent, op)
		} else {
			made = p.release(parent, op)
		}
		p.tell("api")
		return c.outcome(x, made), nil
	}
}

func getOperation(c *call) (any, error) {
	if op, ok := c.st.Operations.get(c.Path("id")); ok {
		return obj{"ledger_operation": renderOperation(op)}, nil
	}
	return nil, missing("ledger_operation", c.Path("id"))
}

func listOperations(c *call) (any, error) {
	sub := c.Request.URL.Query().Get("subscription_id[is]")
	var rows []*operation
	for _, op := range c.st.Operations.Rows {
		if op.Subscription == sub {
			rows = append(rows, op)
		}
	}
	return list(c, listing{
		name: "ledger_operation", filters: "subscription_id unit_id created_at type", sorts: "created_at", need: "subscription_id",
	}, rows, renderOperation, nil)
}

// ofSubscription is the ledgers that a list is about.
func (c *call) ofSubscription() []*account {
	sub := c.Request.URL.Query().Get("subscription_id[is]")
	var out []*account
	for _, u := range c.st.Units.Rows {
		if x, ok := c.st.Accounts.get(sub + "/" + u.ID); ok {
			out = append(out, x)
		}
	}
	return out
}

func listBlocks(c *call) (any, error) {
	var rows []*block
	of := map[*block]*account{}
	for _, x := range c.ofSubscription() {
		for _, b := range x.Blocks {
			rows, of[b] = append(rows, b), x
		}
	}
	return list(c, listing{
		name: "grant_block", filters: "subscription_id unit_id account_type effective_from expires_at created_at", sorts: "effective_from expires_at created_at", need: "subscription_id",
	}, rows, func(b *block) obj { return c.renderBlock(of[b], b) }, nil)
}

func listBalances(c *call) (any, error) {
	return list(c, listing{name: "ledger_account_balance", filters: "subscription_id unit_id", need: "subscription_id"}, c.ofSubscription(), c.renderBalance, nil)
}

// lockedSubscription is the subscription that a ledger call has for itself:
// concurrent ones on it are refused with lock_timeout.
func lockedSubscription(c *sandbox.Call) string {
	var in struct {
		Subscription  string `json:"subscription_id"`
		Authorization string `json:"authorization_id"`
	}
	if json.Unmarshal(c.Body, &in) != nil {
		return ""
	}
	if in.Subscription == "" {
		if op, ok := worldOf(c.Account).st.Operations.get(in.Authorization); ok {
			return op.Subscription
		}
	}
	return in.Subscription
}
