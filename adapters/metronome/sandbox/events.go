package sandbox

import (
	"encoding/json"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

// emit sends a webhook. Metronome has no list of events, so nothing is kept.
func (w *world) emit(typ string, body obj) {
	id := uuid(w.a)
	if body["id"] == nil {
		body["id"] = id
	}
	body["type"] = typ
	w.a.Emit(id, typ, func(sandbox.Endpoint) ([]byte, bool) {
		text, err := json.Marshal(body)
		return text, err == nil
	})
}

// notify sends a system notification: flat, with identifiers alone.
func (w *world) notify(typ, customer string, body obj) {
	if w.a.Variant(notificationsOff) {
		return
	}
	x, _ := w.st.Customers.get(customer)
	body["timestamp"], body["environment_type"] = w.now.Format(time.RFC3339), "SANDBOX"
	if w.a.Variant(environmentProduction) {
		body["environment_type"] = "PRODUCTION"
	}
	body["customer_id"], body["customer_custom_fields"] = customer, words(x.Custom)
	w.emit(typ, body)
}

// tellGrant tells what became of a grant, or of one of its segments.
func (w *world) tellGrant(x *grant, what string, s *segment) {
	kind := "commit"
	if x.Kind == credit {
		kind = "credit"
	}
	body := obj{kind + "_id": x.ID, kind + "_custom_fields": words(x.Custom)}
	if k, ok := w.st.Contracts.get(x.Contract); ok {
		body["contract_id"], body["contract_custom_fields"] = k.ID, words(k.Custom)
	}
	if s != nil {
		body["segment_id"], body["segment_count"] = s.ID, len(x.Segments)
		for i, one := range x.Segments {
			if one.ID == s.ID {
				body["segment_index"] = i
			}
		}
	}
	w.notify(kind+"."+what, x.Customer, body)
}

func (w *world) tellContract(x *contract, what string) {
	w.notify("contract."+what, x.Customer, obj{"contract_id": x.ID, "contract_custom_fields": words(x.Custom)})
}

func (w *world) tellInvoice(x *invoice) {
	if !w.a.Variant(notificationsOff) {
		w.emit("invoice.finalized", obj{"properties": obj{"invoice_id": x.ID, "customer_id": x.Customer, "invoice_finalized_date": stamp(w.now)}})
	}
}

// due is the next instant at which something begins, ends or is finalized.
func due(a *sandbox.Account) (time.Time, bool) {
	w := worldOf(a)
	next, found := time.Time{}, false
	consider := func(t time.Time) {
		if !found || t.Before(next) {
			next, found = t, true
		}
	}
	for _, x := range w.st.Grants.Rows {
		if x.Archived != nil {
			continue
		}
		for _, s := range x.Segments {
			switch {
			case !s.Started:
				consider(s.Start)
			case !s.Ended:
				consider(s.End)
			}
		}
		if x.Invoicing != nil && !x.Invoicing.Silent {
			for _, i := range x.Invoicing.Items {
				if i.Invoice == "" {
					consider(i.At)
				}
			}
		}
	}
	for _, k := range w.st.Contracts.Rows {
		switch {
		case k.Archived != nil:
		case !k.Started:
			consider(k.Start)
		case !k.Ended && k.End != nil:
			consider(*k.End)
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if x.Status == draft {
			consider(x.End.Add(grace))
		}
	}
	for _, x := range w.st.Alerts.Rows {
		for _, at := range x.Later {
			consider(at)
		}
	}
	return next, found
}

func runDue(a *sandbox.Account) { worldOf(a).live() }

// live does everything that is due at the present instant, and looks at the
// alerts of whom it concerns.
func (w *world) live() {
	w.drafts = nil
	changed := map[string]bool{}
	for _, k := range w.st.Contracts.Rows {
		if k.Archived == nil && !k.Started && !k.Start.After(w.now) {
			k.Started = true
			w.tellContract(k, "start")
		}
		if k.Archived == nil && k.Started && !k.Ended && k.End != nil && !k.End.After(w.now) {
			k.Ended = true
			w.tellContract(k, "end")
		}
	}
	w.billCommits()
	for _, x := range w.st.Grants.Rows {
		for _, s := range x.Segments {
			if x.Archived == nil && !s.Started && !s.Start.After(w.now) {
				s.Started, changed[x.Customer] = true, true
				w.tellGrant(x, "segment.start", s)
			}
			if x.Archived == nil && s.Started && !s.Ended && !s.End.After(w.now) {
				s.Ended, changed[x.Customer] = true, true
				w.tellGrant(x, "segment.end", s)
			}
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if x.Status == draft && !x.End.Add(grace).After(w.now) {
			w.finalize(x)
			changed[x.Customer] = true
		}
	}
	for _, x := range w.st.Customers.Rows {
		if changed[x.ID] {
			w.touched(x.ID)
		}
	}
	w.lateAlerts()
}

// lower is an enum as some answers write it.
func lower(s string) string { return strings.ToLower(s) }
