package gateway

import (
	"context"
	"encoding/hex"
	"net/http"
	"strconv"

	"scrip/core"
	"scrip/core/ledger"
)

type entryView struct {
	ID          string  `json:"id" doc:"customer, unit and sequence"`
	Customer    string  `json:"customer"`
	Unit        string  `json:"unit"`
	Seq         int64   `json:"seq" doc:"without gaps in each account, from 1"`
	Kind        string  `json:"kind" enum:"grant,debit,hold,capture,release,expire,void,reverse,convert_out,convert_in,overage,overage_back,overdraw,overdraw_back,settle,roll_out,roll_in,clawback,reinstate,owe,reinstate_owed,restore"`
	Grant       string  `json:"grant"`
	Source      string  `json:"source" doc:"the debit, hold, reversal or grant that caused it"`
	Amount      decimal `json:"amount"`
	From        string  `json:"from" doc:"the pot of the grant that the amount left"`
	To          string  `json:"to" doc:"the pot that it went to"`
	EffectiveAt *string `json:"effective_at" format:"date-time" doc:"when it happened"`
	RecordedAt  *string `json:"recorded_at" format:"date-time" doc:"when the ledger learned it"`
	Hash        string  `json:"hash" doc:"SHA-256 over the entry and the hash before it, in hex"`
}

type entryListParams struct {
	ID     string `path:"id"`
	Unit   string `query:"unit" doc:"may be left out while one unit is configured"`
	Limit  string `query:"limit" doc:"1 to 1000, 100 when left out"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

// feedView always says where to go on, at the end too: what comes later is
// read from there.
type feedView struct {
	Data []entryView `json:"data"`
	Next string      `json:"next_cursor" doc:"where the next call goes on; given at the end too"`
}

func (g *gateway) viewEntry(e *core.Entry) entryView {
	key := ledger.AccountKey{Customer: e.Customer, Unit: e.Unit}
	from, to := e.Kind.Pots()
	return entryView{
		ID:       e.Customer + "/" + e.Unit + "/" + strconv.FormatInt(e.Seq, 10),
		Customer: e.Customer, Unit: e.Unit, Seq: e.Seq, Kind: string(e.Kind), Grant: string(e.Grant), Source: string(e.Source),
		Amount: g.format(key, e.Amount), From: string(from), To: string(to),
		EffectiveAt: timeView(e.Effective), RecordedAt: timeView(e.Recorded), Hash: hex.EncodeToString(e.Hash[:]),
	}
}

func (g *gateway) mountEntries() {
	register(g, read, route{method: http.MethodGet, path: "/v1/customers/{id}/entries", id: "list-entries", summary: "List a customer's ledger entries", tag: "ledger"}, g.entries)
	register(g, read, route{method: http.MethodGet, path: "/v1/feed", id: "read-feed", summary: "Read all entries in the order they were recorded", tag: "ledger"}, g.feed)
}

func (g *gateway) entries(ctx context.Context, p *entryListParams, _ *none) (*answer[list[entryView]], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	if err := g.known(ctx, p.ID); err != nil {
		return nil, err
	}
	u, err := g.unit(p.Unit)
	if err != nil {
		return nil, err
	}
	after, err := numberAt(p.Cursor, "entries")
	if err != nil {
		return nil, err
	}
	items, err := g.Ledger.Reader().Entries.Entries(ctx, ledger.AccountKey{Customer: p.ID, Unit: u.Code}, after, limit+1)
	if err != nil {
		return nil, readFault(err)
	}
	return ok(pageOf(items, limit, g.viewEntry, func(e *core.Entry) *string {
		return cursorOf("entries", strconv.FormatInt(e.Seq, 10))
	}))
}

func (g *gateway) feed(ctx context.Context, p *listParams, _ *none) (*answer[feedView], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	after, err := textAt(p.Cursor, "feed")
	if err != nil {
		return nil, err
	}
	items, next, err := g.Ledger.Reader().Entries.Feed(ctx, after, limit)
	if err != nil {
		return nil, readFault(err)
	}
	view := feedView{Data: make([]entryView, len(items))}
	for i := range items {
		view.Data[i] = g.viewEntry(&items[i])
	}
	view.Next = *cursorOf("feed", next)
	return ok(view)
}
