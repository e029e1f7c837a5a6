package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/sale"
)

// auditReader reads what only an audit asks for: whole tables in the order of
// their keys, a page at a time.
type auditReader interface {
	// Requests lists stored answers by hash after one.
	Requests(ctx context.Context, afterHash string, limit int) ([]Request, error)
	// Natural is the id that a natural key was used for, or "".
	Natural(ctx context.Context, key string) (core.ID, error)
	// Naturals lists natural keys in order after one.
	Naturals(ctx context.Context, afterKey string, limit int) ([]Natural, error)
	// AllLinks lists links by connection, neutral, role and vendor after one.
	AllLinks(ctx context.Context, after Link, limit int) ([]Link, error)
	// Filed reports what the store keeps beside the rows and does not follow
	// from them: partitions, marks, counts, due instants, look-up keys, the
	// order of positions, and rows that belong to nothing.
	Filed(ctx context.Context, found func(where, what string)) error
}

// AuditAll is [Audit] and everything else that can be known to be wrong of
// what a store keeps: the terms of grants, holds, windows, stored answers,
// natural keys, links, the queues, and the store's own filing. It streams
// too. Writes that go on meanwhile may make findings that a second run does
// not repeat.
func (r Reader) AuditAll(ctx context.Context, progress func(AuditReport)) (AuditReport, error) {
	var report AuditReport
	if r.Audit == nil {
		return report, core.Errorf(core.CodeNotSupported, "this store cannot list its tables for an audit")
	}
	if err := auditAccounts(ctx, r, progress, &report, true); err != nil {
		return report, err
	}
	answers := answersAudit{ctx: ctx, r: r, report: &report}
	rest := restAudit{ctx: ctx, r: r, report: &report}
	for _, step := range []func() error{answers.run, rest.conversions, rest.naturals, rest.links, rest.events, rest.intents} {
		if err := step(); err != nil {
			return report, err
		}
		if progress != nil {
			progress(report)
		}
	}
	err := r.Audit.Filed(ctx, func(where, what string) { report.find(AccountKey{}, where, "%s", what) })
	return report, err
}

// restAudit reads what no account leads to.
type restAudit struct {
	ctx    context.Context
	r      Reader
	report *AuditReport
}

func (a *restAudit) find(where, format string, args ...any) {
	a.report.find(AccountKey{}, where, format, args...)
}

// conversions holds what changes of unit made against the plans that they
// were made by.
func (a *restAudit) conversions() error {
	kind := convertedKey("", "").Kind
	for after := ""; ; {
		list, err := a.r.Records.List(a.ctx, kind, after, auditPage)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			if err := a.conversion(&list[i]); err != nil {
				return err
			}
			after = list[i].ID
		}
	}
}

func (a *restAudit) conversion(r *Record) error {
	var plan convert.Plan
	err := json.Unmarshal(r.Body, &plan)
	id, named := strings.CutSuffix(r.ID, "/"+plan.Customer)
	if err != nil || !named {
		a.find("conversion "+r.ID, "cannot be read")
		return nil
	}
	for i := range plan.Lots {
		lot := &plan.Lots[i]
		if lot.Closed() {
			continue
		}
		key, g, err := a.r.Accounts.Grant(a.ctx, grantID(id, plan.Customer, lot.Grant))
		if err != nil {
			return err
		}
		if g == nil || g.Amount != lot.Total.To || g.Paid != lot.Paid || key.Unit != plan.To.Code {
			a.find("conversion "+r.ID, "made of grant %s what is not there", lot.Grant)
		}
	}
	return nil
}

func (a *restAudit) naturals() error {
	for after := ""; ; {
		list, err := a.r.Audit.Naturals(a.ctx, after, auditPage)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, n := range list {
			if err := a.natural(n); err != nil {
				return err
			}
			after = n.Key
		}
	}
}

// natural looks for what a natural key was used for: the grant of a payment,
// or the event of a fact.
func (a *restAudit) natural(n Natural) error {
	kind, rest, _ := strings.Cut(n.Key, "/")
	switch kind {
	case OpPurchase:
		if string(n.ID) == rest { // it paid for overage and brought no credits
			r, err := a.r.Records.Record(a.ctx, purchaseKey(n.ID))
			var p sale.Purchase
			if err == nil && (r == nil || json.Unmarshal(r.Body, &p) != nil || p.Credits != 0 || p.State == sale.Pending) {
				a.find("natural "+n.Key, "is used for a purchase that was not paid so")
			}
			return err
		}
		_, g, err := a.r.Accounts.Grant(a.ctx, n.ID)
		if err == nil && (g == nil || string(g.Source) != rest) {
			a.find("natural "+n.Key, "is used for %s, which is not its grant", n.ID)
		}
		return err
	case "event", "sweep":
		e, err := a.r.Queues.Event(a.ctx, n.ID)
		if err == nil && (e == nil || !strings.HasPrefix(rest, e.Connection+"/")) {
			a.find("natural "+n.Key, "is used for %s, which is not its event", n.ID)
		}
		return err
	}
	if n.ID == "" {
		a.find("natural "+n.Key, "is used for nothing")
	}
	return nil
}

func (a *restAudit) links() error {
	for after := (Link{}); ; {
		list, err := a.r.Audit.AllLinks(a.ctx, after, auditPage)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, l := range list {
			known, err := a.neutral(l)
			if err != nil {
				return err
			}
			if !known || l.Connection == "" || l.Role == "" || l.Vendor == "" {
				a.find("link "+l.Connection+" "+l.Neutral, "in the role %q to %q names nothing that is here", l.Role, l.Vendor)
			}
			after = l
		}
	}
}

// neutral reports whether a link's neutral thing exists, where the ledger
// keeps that kind of thing.
func (a *restAudit) neutral(l Link) (bool, error) {
	switch l.Role {
	case "grant":
		_, g, err := a.r.Accounts.Grant(a.ctx, core.ID(l.Neutral))
		return g != nil, err
	case "customer", "carrier":
		r, err := a.r.Records.Record(a.ctx, customerKey(l.Neutral))
		return r != nil, err
	case "invoice":
		r, err := a.r.Records.Record(a.ctx, purchaseKey(core.ID(l.Neutral)))
		return r != nil, err
	}
	return l.Neutral != "", nil
}

func (a *restAudit) events() error {
	for after := core.ID(""); ; {
		list, err := a.r.Queues.Events(a.ctx, QueueFilter{After: after, Limit: auditPage})
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			e := &list[i]
			sum := sha256.Sum256(e.Body)
			// The id is of the vendor's, or of that and the content where one
			// id came with several.
			made := RequestHash("event/"+e.Connection, e.VendorID)
			other := RequestHash("event/"+e.Connection, e.VendorID+"/"+e.Digest)
			switch {
			case hex.EncodeToString(sum[:]) != e.Digest && (!e.Forgotten() || e.State == Waiting || e.State == Parked):
				a.find("event "+string(e.ID), "has a body that is not the one received")
			case !e.ID.Valid(core.EventID), HashOf(e.ID) != made && HashOf(e.ID) != other:
				a.find("event "+string(e.ID), "is not filed under the vendor's id %q", e.VendorID)
			case e.Received <= 0:
				a.find("event "+string(e.ID), "was received at no time")
			case e.State == Applied && e.Fence == 0:
				a.find("event "+string(e.ID), "was applied by nobody")
			}
			a.queued("event "+string(e.ID), e.State, e.Reason, e.Attempts, e.RetryAt, e.Fence, e.Settled)
			if after = e.ID; after == "" {
				return nil // found above; the listing would begin again
			}
		}
	}
}

func (a *restAudit) intents() error {
	for after := core.ID(""); ; {
		list, err := a.r.Queues.Intents(a.ctx, QueueFilter{After: after, Limit: auditPage})
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			x := &list[i]
			where := "intent " + string(x.ID)
			switch {
			case !x.ID.Valid(core.IntentID), x.ID.Bucket() != core.Bucket(x.Customer):
				a.find(where, "is not of customer %q", x.Customer)
			case x.Connection == "" || x.Kind == "" || !json.Valid(x.Body):
				a.find(where, "does not say what the vendor must hear")
			case x.Created <= 0 || x.Due < x.Created || x.Settled != 0 && x.Settled < x.Created:
				a.find(where, "was made at %s, due at %s and settled at %s", x.Created, x.Due, x.Settled)
			case x.Tried && x.Fence == 0, x.State == Applied && x.Fence == 0:
				a.find(where, "was sent by nobody")
			}
			a.queued(where, x.State, x.Reason, x.Attempts, x.RetryAt, x.Fence, x.Settled)
			if after = x.ID; after == "" {
				return nil // found above; the listing would begin again
			}
		}
	}
}

// queued checks what holds for a row of either queue: a settled one says when
// and why, a waiting one does not.
func (a *restAudit) queued(where string, state QueueState, reason string, attempts int, retry core.Time, fence int64, settled core.Time) {
	switch state {
	case Waiting:
		if settled != 0 {
			a.find(where, "waits and was settled at %s", settled)
		}
	case Applied, Ignored, Parked:
		if settled <= 0 {
			a.find(where, "is %s and was never settled", state)
		}
		if state != Applied && reason == "" {
			a.find(where, "is %s without a reason", state)
		}
	default:
		a.find(where, "has the unknown state %q", string(state))
	}
	if attempts < 0 || fence < 0 || attempts > 0 && fence == 0 || retry < 0 {
		a.find(where, "was tried %d times under fence %d, next at %s", attempts, fence, retry)
	}
}
