package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"scrip/core"
	"scrip/core/sale"
)

// answer is what a stored answer says, whatever its command.
type answer struct {
	operation string
	id        core.ID // of what the command made, or what it was about
	account   AccountKey
	amount    core.Amount
	parts     []core.Allocation
	beyond
	balance  core.Balance
	at       core.Time
	happened core.Time // of a late debit or reversal, else zero
	accepted bool      // of one that was too old
	original core.Time // what the caller named in its stead, or as the start of a grant
	grant    *core.Grant
	held     *core.Hold
	hold     core.ID // that was captured
	debit    core.ID // that was given back
	final    bool
	quantity string
	action   string
	purchase *sale.Purchase
	refund   *sale.Refund
	also     []partText
}

// partText is what an answer says of a further unit.
type partText struct {
	id   core.ID
	text []byte
}

// further adds one of them.
func (a *answer) further(id core.ID, receipt any) {
	text, _ := json.Marshal(receipt) // it was read from its text
	a.also = append(a.also, partText{id, text})
}

// errGarbled says that an answer is not as a command writes it.
var errGarbled = errors.New("the answer is not one that a command writes")

// decode reads exactly what marshalling wrote.
func decode[T any](raw []byte) (v T, err error) {
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, errGarbled
	}
	again, err := json.Marshal(v)
	if err != nil || !bytes.Equal(again, raw) {
		return v, errGarbled
	}
	return v, nil
}

// readAnswer reads the result of a request that was not refused.
func readAnswer(req *Request) (*answer, error) {
	a := &answer{operation: whole(req.Operation)}
	switch a.operation {
	case OpGrant, OpVoid:
		r, err := decode[GrantReceipt](req.Result)
		a.id, a.account, a.grant, a.at, a.original = r.Grant.ID, r.Account, &r.Grant, r.At, r.Original
		return a, err
	case OpDebit:
		r, err := decode[DebitReceipt](req.Result)
		a.took(&r)
		return a, err
	case OpCapture:
		r, err := decode[struct {
			Debit DebitReceipt
			Hold  HoldReceipt
		}](req.Result)
		a.took(&r.Debit)
		a.held, a.final = &r.Hold.Hold, r.Hold.Hold.State == core.HoldCaptured
		if r.Hold.Account != r.Debit.Account || r.Hold.Balance != r.Debit.Balance || r.Hold.At != r.Debit.At || r.Hold.Hold.ID != r.Debit.Hold {
			err = errGarbled
		}
		return a, err
	case OpHold, OpRelease:
		r, err := decode[HoldReceipt](req.Result)
		a.id, a.account, a.held, a.balance, a.at = r.Hold.ID, r.Account, &r.Hold, r.Balance, r.At
		return a, err
	case OpReverse:
		r, err := decode[ReversalReceipt](req.Result)
		a.id, a.account, a.amount, a.parts, a.balance, a.at, a.debit = r.ID, r.Account, r.Amount, r.Allocations, r.Balance, r.At, r.Debit
		a.beyond, a.happened, a.original = r.beyond, r.Happened, r.Original
		for i := range r.Also {
			a.further(r.Also[i].ID, r.Also[i])
		}
		return a, err
	case opRefund:
		r, err := decode[sale.Refund](req.Result)
		a.id, a.account, a.at, a.refund = r.ID, AccountKey{r.Customer, r.Unit}, r.At, &r
		return a, err
	case OpPurchase:
		p, err := decode[sale.Purchase](req.Result)
		a.id, a.account, a.at, a.purchase = p.ID, AccountKey{p.Customer, p.Unit}, p.Created, &p
		return a, err
	}
	return nil, errGarbled
}

func (a *answer) took(r *DebitReceipt) {
	a.id, a.account, a.amount, a.parts, a.balance, a.at = r.ID, r.Account, r.Amount, r.Allocations, r.Balance, r.At
	a.happened, a.original, a.accepted = r.Happened, r.Original, r.Accepted
	a.hold, a.quantity, a.action, a.beyond = r.Hold, r.Quantity, r.Action, r.beyond
	for i := range r.Also {
		a.further(r.Also[i].ID, r.Also[i])
	}
}

// prefixes are the kinds of id that commands make.
var prefixes = map[string]string{
	OpGrant: core.GrantID, OpDebit: core.DebitID, OpCapture: core.DebitID, OpHold: core.HoldID, OpReverse: core.ReversalID, OpPurchase: core.PurchaseID, opRefund: sale.RefundID,
}

// answersAudit reads every stored answer by itself and beside what it is of.
type answersAudit struct {
	ctx    context.Context
	r      Reader
	report *AuditReport
	// What debits say was given back of them, and what reversals say they
	// gave back: sums that agree when every debit's do.
	debits, reversals uint64
	read              int64
}

func (a *answersAudit) find(req *Request, format string, args ...any) {
	a.report.find(AccountKey{req.Customer, req.Unit}, "answer "+req.Hash, "%s of %s/%s %s", req.Operation, req.Customer, req.Unit, fmt.Sprintf(format, args...))
}

// weigh makes of a debit and an amount what adds up.
func weigh(hash string, amount core.Amount) uint64 {
	weight := uint64(14695981039346656037)
	for i := 0; i < len(hash); i++ {
		weight = (weight ^ uint64(hash[i])) * 1099511628211
	}
	return weight * uint64(amount)
}

// run reads all answers. Where the sums differ it reads them once more: what
// is given back while they are read is in one of them alone. While answers go
// on being added nothing is said of the sums; of each debit that a reversal's
// entries lead to, its account says it.
func (a *answersAudit) run() error {
	if err := a.page(a.request); err != nil {
		return err
	}
	for range 3 {
		if a.debits == a.reversals {
			return nil
		}
		before := a.read
		if err := a.page(a.sum); err != nil {
			return err
		}
		if a.read == before && a.debits != a.reversals {
			a.report.find(AccountKey{}, "answers", "reversals give back more or less than the debits say was given back of them")
			return nil
		}
	}
	return nil
}

// page begins the sums anew and calls each for every answer.
func (a *answersAudit) page(each func(*Request) error) error {
	a.debits, a.reversals, a.read = 0, 0, 0
	for after := ""; ; {
		list, err := a.r.Audit.Requests(a.ctx, after, auditPage)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			a.report.Answers = a.read
			return nil
		}
		for i := range list {
			if err := each(&list[i]); err != nil {
				return err
			}
			after = list[i].Hash
		}
		a.read += int64(len(list))
	}
}

// sum adds up one answer.
func (a *answersAudit) sum(req *Request) error {
	a.debits += weigh(req.Hash, req.Reversed)
	if whole(req.Operation) == OpReverse && req.Code == "" {
		if got, err := readAnswer(req); err == nil {
			a.reversals += weigh(HashOf(got.debit), got.amount)
		}
	}
	return nil
}

// refused holds what a refusal for want of credits says against itself and
// what was asked.
func (a *answersAudit) refused(req *Request, e *core.Error) error {
	if e.Code != core.CodeInsufficientCredits || e.Required == "" {
		return nil
	}
	unit, _, _ := strings.Cut(strings.TrimPrefix(e.Message, e.Required+" "), " ")
	if unit != req.Unit { // it was asked for in a unit that has been converted since
		was, err := a.r.Accounts.Account(a.ctx, AccountKey{req.Customer, req.Unit})
		if err != nil {
			return err
		}
		if was == nil || was.Became != unit {
			unit = req.Unit
		}
	}
	asked := splitFields(req.Fields)["amount"]
	required := strings.TrimLeft(strings.ReplaceAll(e.Required, ".", ""), "0")
	if e.Message != e.Required+" "+unit+" are required, "+e.Available+" are available" ||
		asked != "" && asked != required && (req.Operation == OpDebit || req.Operation == OpHold) {
		a.find(req, "is refused for another amount than it was asked for")
	}
	return nil
}

func (a *answersAudit) request(req *Request) error {
	if err := a.sum(req); err != nil {
		return err
	}
	if req.Hash != RequestHash(req.Operation, req.Key) || checkKey(req.Key) != nil {
		a.find(req, "is not filed under its key")
	}
	if req.Code != "" {
		refusal, err := decode[core.Error](req.Result)
		if err != nil || refusal.Code != req.Code || refusal.Code.Class().Title == "" || req.FirstSeq != 1 || req.LastSeq != 0 || req.Amount != 0 || req.At <= 0 {
			a.find(req, "is a refusal that is not what it says")
		}
		a.fields(req, nil)
		return a.refused(req, &refusal)
	}
	got, err := readAnswer(req)
	if err != nil {
		a.find(req, "cannot be read: %v", err)
		return nil
	}
	if prefix := prefixes[got.operation]; prefix != "" && got.id != core.NewID(prefix, req.Customer, req.Operation, req.Key, 0) {
		want := core.NewID(prefix, req.Customer, req.Operation, req.Key, 0)
		a.find(req, "answers with %s, its key makes %s", got.id, want)
	}
	if got.at != req.At || got.amount != req.Amount || got.account.Customer != req.Customer {
		a.find(req, "differs from what it answers")
	}
	a.fields(req, got)
	if got.account.Unit != req.Unit {
		was, err := a.r.Accounts.Account(a.ctx, AccountKey{req.Customer, req.Unit})
		if err != nil {
			return err
		}
		if was == nil {
			a.find(req, "is of an account that does not exist")
		}
	}
	if err := a.also(req, got); err != nil {
		return err
	}
	return a.effect(req, got)
}

// also holds what an answer says of further units against the answers that
// these have of their own.
func (a *answersAudit) also(req *Request, got *answer) error {
	for i, part := range got.also {
		own, err := a.r.requestOf(a.ctx, part.id)
		if err != nil {
			return err
		}
		if own == nil || own.Operation != partOf(got.operation, i+1) || own.Key != req.Key || own.At != req.At || !bytes.Equal(own.Result, part.text) {
			a.find(req, "tells of %s, whose own answer is another", part.id)
		}
	}
	return nil
}

// effect looks at what the command did, where its entries do not lead here.
func (a *answersAudit) effect(req *Request, got *answer) error {
	if req.Operation != OpPurchase && req.Operation != opRefund {
		account, err := a.r.Accounts.Account(a.ctx, got.account)
		if err != nil {
			return err
		}
		if account == nil && req.FirstSeq == 1 { // what took nothing opens no account
			account = &core.Account{}
		}
		if account == nil || req.LastSeq > account.Seq || req.FirstSeq < 1 || req.LastSeq < req.FirstSeq-1 {
			a.find(req, "names the entries %d to %d, which are not there", req.FirstSeq, req.LastSeq)
			return nil
		}
	}
	made, took := req.LastSeq >= req.FirstSeq, len(got.parts) > 0 || got.Overage+got.Deficit > 0
	// What was owed or billed in a unit that has been converted is given back in the other.
	elsewhere := !made && len(got.parts) == 0 && got.operation == OpReverse
	if took != made && !elsewhere && (got.operation == OpDebit || got.operation == OpReverse) {
		a.find(req, "took %v by the entries %d to %d", got.parts, req.FirstSeq, req.LastSeq)
	}
	sum := got.Overage + got.Deficit
	for _, p := range got.parts {
		sum += p.Amount
	}
	if sum != got.amount || got.Overage < 0 || got.Deficit < 0 || got.Forgone < 0 {
		a.find(req, "is of %d and took %d", got.amount, sum)
	}
	switch req.Operation {
	case OpGrant, OpVoid:
		return a.granted(req, got)
	case OpHold, OpRelease, OpCapture:
		return a.reserved(req, got)
	case opRefund:
		return a.refunded(req, got.refund)
	case OpPurchase:
		return a.purchased(req, got.purchase)
	}
	if req.LastSeq >= req.FirstSeq {
		return a.first(req, got, got.id)
	}
	return nil
}

// first looks whether the first entry of an answer is of source.
func (a *answersAudit) first(req *Request, got *answer, source core.ID) error {
	entries, err := a.r.Entries.Entries(a.ctx, got.account, req.FirstSeq-1, 1)
	if err != nil {
		return err
	}
	if len(entries) == 0 || entries[0].Source != source {
		a.find(req, "names entry %d, which is not of %s", req.FirstSeq, source)
	}
	return nil
}

// settled is what a new grant paid of a deficit, by the entry after the one that
// made it; -1 where its answer names another entry.
func (a *answersAudit) settled(req *Request, got *answer) (core.Amount, error) {
	if req.Operation != OpGrant || req.LastSeq == req.FirstSeq {
		return 0, nil
	}
	list, err := a.r.Entries.Entries(a.ctx, got.account, req.FirstSeq, 1)
	if err != nil || len(list) == 0 || list[0].Kind != core.EntrySettle || list[0].Grant != got.id || list[0].Seq != req.LastSeq {
		return -1, err
	}
	return list[0].Amount, nil
}

func (a *answersAudit) granted(req *Request, got *answer) error {
	key, g, err := a.r.Accounts.Grant(a.ctx, got.id)
	if err != nil {
		return err
	}
	if g == nil || key != got.account || !reflect.DeepEqual(g.Terms, got.grant.Terms) || g.Recorded != got.grant.Recorded || g.Seq != got.grant.Seq {
		a.find(req, "answers with grant %s, which is not as it says", got.id)
		return nil
	}
	s := got.grant
	settled, err := a.settled(req, got)
	switch {
	case err != nil:
		return err
	case req.Operation == OpGrant && (s.Remaining+settled != s.Amount || s.Held != 0 || s.Ended != 0 || s.Away != 0 || s.Closed != "" || req.FirstSeq != s.Seq || req.LastSeq < s.Seq):
		a.find(req, "answers with a grant that is not new")
	case req.Operation == OpVoid && (s.Closed != core.Void || s.Remaining != s.Held || s.Consumed() < 0 || g.Closed != core.Void && g.Closed != core.Converted):
		a.find(req, "answers with grant %s, which is not voided", got.id)
	case req.Operation == OpVoid && req.LastSeq >= req.FirstSeq:
		return a.first(req, got, got.id)
	}
	return nil
}

func (a *answersAudit) reserved(req *Request, got *answer) error {
	_, h, err := a.r.Accounts.Hold(a.ctx, got.held.ID)
	if err != nil {
		return err
	}
	s := got.held
	if h == nil || h.Created != s.Created || h.Expires != s.Expires || h.Protect != s.Protect || h.Action != s.Action || h.Card != s.Card {
		a.find(req, "answers with hold %s, which is not as it says", s.ID)
		return nil
	}
	var sum core.Amount
	for _, p := range s.Parts {
		sum += p.Amount
	}
	fault := s.State != core.HoldOpen && (sum != 0 || s.Resolved == 0)
	switch {
	case req.Operation == OpHold:
		fault = s.State != core.HoldOpen || sum != s.Amount || s.Captured != 0 || s.Resolved != 0 || s.Created != req.At || req.FirstSeq != 1 || req.LastSeq != 0
	case req.Operation == OpRelease:
		fault = fault || s.State != core.HoldReleased || s.Resolved != req.At || req.FirstSeq != 1 || req.LastSeq != 0 || h.Captured != s.Captured
	case s.State == core.HoldCaptured:
		fault = fault || h.Captured != s.Captured
	default:
		fault = fault || s.Captured < got.amount || h.Captured < s.Captured && h.Amount == s.Amount
	}
	if s.State == core.HoldCaptured || s.State == core.HoldReleased {
		fault = fault || h.State != s.State || h.Resolved != s.Resolved || h.Amount != s.Amount || h.Price != s.Price
	}
	b := got.balance
	if fault || b.Available != b.Posted-b.Held || b.Held < sum || b.Available < 0 {
		a.find(req, "answers with hold %s, which was not so", s.ID)
	}
	return nil
}

func (a *answersAudit) purchased(req *Request, p *sale.Purchase) error {
	r, err := a.r.Records.Record(a.ctx, purchaseKey(p.ID))
	if err != nil {
		return err
	}
	var now sale.Purchase
	if r == nil || json.Unmarshal(r.Body, &now) != nil {
		a.find(req, "answers with purchase %s, which is not there", p.ID)
		return nil
	}
	was := *p
	was.State, was.PayURL, was.Object, was.Grant = now.State, now.PayURL, now.Object, now.Grant
	was.Until, was.Returns, was.Returning, was.Unmade = now.Until, now.Returns, now.Returning, now.Unmade
	if now.Unit != was.Unit { // paid after its unit was changed
		was.Unit, was.Credits = now.Unit, now.Credits
	}
	if was != now || p.State != sale.Pending || p.Grant != "" || p.Object != "" || req.FirstSeq != 1 || req.LastSeq != 0 {
		a.find(req, "answers with purchase %s, which is not as it says", p.ID)
	}
	if (now.Grant == "") != (now.State == sale.Pending || now.State == sale.Failed) {
		a.find(req, "is of purchase %s, which is %s with grant %q", p.ID, now.State, string(now.Grant))
	}
	a.returnedOf(req, &now)
	if now.Grant == "" {
		return nil
	}
	_, g, err := a.r.Accounts.Grant(a.ctx, now.Grant)
	if err == nil && (g == nil || g.Source != p.ID) {
		a.find(req, "is of purchase %s, whose grant %s is not there", p.ID, now.Grant)
	}
	return err
}

// fields holds the canonical request against the answer to it: what the
// answer tells is compared, what only the caller knew is taken as it stands.
func (a *answersAudit) fields(req *Request, got *answer) {
	have := splitFields(req.Fields)
	pairs := []string{}
	for _, name := range fieldNames[whole(req.Operation)] {
		pairs = append(pairs, name, have[name])
	}
	if fieldList(pairs...) != req.Fields || len(pairs) == 0 {
		a.find(req, "keeps a request that no caller makes")
		return
	}
	want := map[string]string{}
	if slices.Contains(fieldNames[whole(req.Operation)], "customer") {
		want["customer"] = req.Customer
	}
	if u := have["unit"]; u != "" {
		want["unit"] = req.Unit
	}
	if got != nil {
		got.told(have, want)
	}
	for name, value := range want {
		if have[name] != value {
			a.find(req, "was asked with %s %q, the answer says %q", name, have[name], value)
		}
	}
}

var charged = []string{"customer", "unit", "amount", "action", "quantity", "dimensions", "outcome", "at", "accept_late"}

// fieldNames are the fields of each command's canonical request, in order.
var fieldNames = map[string][]string{
	OpGrant:    {"customer", "unit", "amount", "category", "priority", "effective_at", "expires_at", "paid", "scope", "metadata"},
	OpVoid:     {"grant"},
	OpDebit:    charged,
	OpReverse:  {"debit", "amount", "at"},
	OpHold:     append(charged[:len(charged):len(charged)], "expires_in", "protect_until_resolved"),
	OpCapture:  {"hold", "amount", "quantity", "final", "allow_over"},
	OpRelease:  {"hold"},
	OpPurchase: {"customer", "pack", "quantity", "amount"},
	opRefund:   {"purchase", "amount"},
}

// told says what each field of the request must have been.
func (a *answer) told(have, want map[string]string) {
	switch a.operation {
	case OpGrant:
		t := &a.grant.Terms
		want["customer"], want["unit"] = a.account.Customer, a.account.Unit
		want["amount"], want["category"], want["priority"] = number(t.Amount), string(t.Category), strconv.Itoa(t.Priority)
		want["paid"], want["scope"], want["metadata"] = moneyField(t.Paid), listField(t.Actions), mapField(t.Metadata)
		if have["effective_at"] != "" || t.Starts != a.at {
			want["effective_at"] = t.Starts.String()
		}
		if a.original != 0 {
			want["effective_at"] = a.original.String()
		}
		if have["expires_at"] != "" || t.Expires != core.Never {
			want["expires_at"] = t.Expires.String()
		}
	case OpDebit, OpHold:
		want["customer"] = a.account.Customer
		amount := a.amount + a.Forgone
		if a.held != nil {
			amount, want["action"] = a.held.Amount, a.held.Action
			life := time.Duration(a.held.Expires-a.held.Created) * time.Microsecond
			if d, err := time.ParseDuration(have["expires_in"]); err != nil || d.Truncate(time.Microsecond) != life || d.String() != have["expires_in"] {
				want["expires_in"] = life.String()
			}
			want["protect_until_resolved"] = strconv.FormatBool(a.held.Protect)
		} else {
			want["action"], want["quantity"] = a.action, a.quantity
		}
		want["unit"], want["amount"] = "", ""
		if want["action"] == "" {
			want["unit"], want["amount"] = a.account.Unit, number(amount)
		}
		if a.named(have, want); a.accepted {
			want["accept_late"] = "true"
		}
	case OpReverse:
		a.named(have, want)
		want["debit"] = string(a.debit)
		if have["amount"] != "0" {
			want["amount"] = number(a.amount)
		}
	case OpCapture:
		want["hold"], want["quantity"] = string(a.hold), a.quantity
		if a.held.State != core.HoldExpired {
			want["final"] = strconv.FormatBool(a.final)
		}
	case OpRelease:
		want["hold"] = string(a.held.ID)
	case opRefund:
		want["purchase"] = string(a.refund.Purchase)
		if have["amount"] != "0" {
			want["amount"] = number(a.refund.Amount.Minor)
		}
	case OpPurchase:
		want["customer"], want["pack"] = a.purchase.Customer, a.purchase.Pack
		want["quantity"], want["amount"] = packsField(a.purchase.Quantity), a.purchase.Asked
	}
}
