package storetest

import (
	"scrip/core"
	"scrip/core/ledger"
)

// takesContent takes content out of rows that stay.
func takesContent(w *world) {
	t := w.terms(ann, 100)
	t.Metadata = map[string]string{"note": "something"}
	kept := w.terms(ann, 100)
	kept.Metadata = t.Metadata
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
		_, err := a.Issue(t, start)
		if err == nil {
			_, err = a.Issue(kept, start)
		}
		return err
	}))
	req := w.request(ann, "key")
	w.need(w.write(ledger.Changes{Requests: []*ledger.Request{req}}))
	e := w.event("whole")
	e.State, e.Settled, e.Reason = ledger.Applied, start, "said so"
	w.need(w.write(ledger.Changes{Events: []*ledger.Event{e}}))

	changed, empty := *req, *e
	changed.Fields, changed.Result, empty.Body = "less", []byte(`"less"`), nil
	changed.Amount, changed.Code = 77, core.CodeInvalid // nothing else of it is written
	w.need(w.write(ledger.Changes{Bare: []core.ID{t.ID}, Cleared: []*ledger.Request{&changed}, Events: []*ledger.Event{&empty}, Wipe: true}))
	for id, want := range map[core.ID]int{t.ID: 0, kept.ID: 1} {
		_, g, err := w.reader.Accounts.Grant(w.ctx, id)
		w.need(err)
		if len(g.Metadata) != want || g.Amount != 100 {
			w.Errorf("grant %s is %+v", id, g)
		}
	}
	want := *req
	want.Fields, want.Result = changed.Fields, changed.Result
	got, err := w.reader.Entries.Request(w.ctx, req.Hash)
	w.need(err)
	w.same("answer", got, &want)
	if now := w.readEvent(e.ID); !now.Forgotten() || now.Digest != e.Digest || now.State != ledger.Applied {
		w.Errorf("the event is %+v", now)
	}
	// A body that comes again does not come back.
	w.need(w.write(ledger.Changes{Events: []*ledger.Event{e}}))
	if now := w.readEvent(e.ID); !now.Forgotten() {
		w.Errorf("the event is %+v", now)
	}
}

// intentsOf lists one customer's, whoever shares its bucket.
func intentsOf(w *world) {
	var want []core.ID
	for i := range 40 {
		customer := []string{"ann", "bob", "cat", "dan"}[i%4]
		n := w.intent("east", customer, start)
		if i%3 == 0 {
			n.State, n.Settled = ledger.Applied, start
		}
		w.need(w.write(ledger.Changes{Intents: []*ledger.Intent{n}}))
		if customer == "ann" {
			want = append(want, n.ID)
		}
	}
	for _, c := range []struct {
		f    ledger.QueueFilter
		want []core.ID
	}{
		{ledger.QueueFilter{Customer: "ann", Limit: 99}, want},
		{ledger.QueueFilter{Customer: "ann", Limit: 3}, want[:3]},
		{ledger.QueueFilter{Customer: "ann", After: want[2], Limit: 99}, want[3:]},
		{ledger.QueueFilter{Customer: "ann", Connection: "west", Limit: 99}, nil},
		{ledger.QueueFilter{Customer: "nobody", Limit: 99}, nil},
	} {
		list, err := w.reader.Queues.Intents(w.ctx, c.f)
		w.need(err)
		var got []core.ID
		for _, n := range list {
			got = append(got, n.ID)
		}
		w.same("intents", got, c.want)
	}
}
