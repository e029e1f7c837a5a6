package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/sale"
)

// customerRole is the role of a link to what a vendor holds a customer as.
const customerRole = "customer"

// erasePage is how many rows an erasure looks at, or changes, at a time.
const erasePage = 50

// trace is what leads from a customer to what is kept about it.
type trace struct {
	customer    string
	things      []string // neutral names: the customer, its grants and purchases
	connections map[string]bool
	links       []Link // what vendors hold these things as
	waiting     int    // rows that could not be emptied yet
}

func compareLinks(a, b Link) int {
	return cmp.Or(strings.Compare(a.Connection, b.Connection), strings.Compare(a.Vendor, b.Vendor))
}

// erasePurchases takes the addresses at which purchases are paid, which lead
// to the customer's details at the vendor. The first characters of an id tell
// whose it may be, so that not all purchases are read.
func (l *Ledger) erasePurchases(ctx context.Context, t *trace) error {
	mine := string(core.NewID(core.PurchaseID, t.customer, "", "", 0)[:len(core.PurchaseID)+3])
	for after := mine; ; {
		list, err := l.Reader().Records.List(ctx, PurchaseKind, after, erasePage)
		if err != nil {
			return err
		}
		for _, r := range list {
			after = r.ID
			var p sale.Purchase
			if err := json.Unmarshal(r.Body, &p); err != nil {
				return err
			}
			if p.Customer != t.customer {
				continue
			}
			t.things = append(t.things, string(p.ID))
			t.connections[p.Connection] = true
			if p.PayURL == "" {
				continue
			}
			if err := l.erasePayURL(ctx, p.ID); err != nil {
				return err
			}
		}
		if len(list) < erasePage || !strings.HasPrefix(after, mine) {
			return nil
		}
	}
}

func (l *Ledger) erasePayURL(ctx context.Context, id core.ID) error {
	return l.Do(ctx, &Op{
		Names: func(b *Batch) { NamesPurchase(b, id) },
		Decide: func(tx *Tx) error {
			p, err := tx.purchaseIn(id)
			if err != nil || p.PayURL == "" {
				return err
			}
			p.PayURL = ""
			tx.Wipe()
			return tx.PutRecord(purchaseKey(id), p)
		},
	})
}

// eraseGrants takes the metadata of grants, and of the answers that tell it:
// an audit holds one against the other, so both change in one commit.
func (l *Ledger) eraseGrants(ctx context.Context, t *trace) error {
	bare, voided := map[core.ID]AccountKey{}, false
	for _, u := range l.options.Units {
		key := AccountKey{t.customer, u.Code}
		for after := int64(0); ; {
			list, err := l.Reader().Accounts.Grants(ctx, key, after, erasePage)
			if err != nil {
				return err
			}
			for i := range list {
				g := &list[i]
				after = g.Seq
				t.things = append(t.things, string(g.ID))
				if len(g.Metadata) > 0 {
					bare[g.ID] = key
					voided = voided || g.Closed == core.Void || g.Closed == core.Converted
				}
			}
			if len(list) < erasePage {
				break
			}
		}
	}
	if len(bare) == 0 {
		return nil
	}
	answers, err := l.answersAbout(ctx, t.customer, bare, voided)
	if err != nil {
		return err
	}
	return l.eraseMetadata(ctx, bare, answers)
}

// answersAbout finds the stored answers that tell the metadata of grants: a
// grant's id leads to that of its command, those of voids are looked for.
func (l *Ledger) answersAbout(ctx context.Context, customer string, bare map[core.ID]AccountKey, voided bool) ([]string, error) {
	var hashes []string
	for id := range bare {
		hashes = append(hashes, HashOf(id))
	}
	slices.Sort(hashes)
	if !voided {
		return hashes, nil
	}
	if l.Reader().Audit == nil {
		return nil, core.Errorf(core.CodeNotSupported, "this store cannot list its answers, in which metadata of voided grants may stand")
	}
	for after := ""; ; {
		list, err := l.Reader().Audit.Requests(ctx, after, auditPage)
		if err != nil || len(list) == 0 {
			return hashes, err
		}
		for i := range list {
			after = list[i].Hash
			if list[i].Customer == customer && list[i].Operation == OpVoid {
				hashes = append(hashes, after)
			}
		}
	}
}

func (l *Ledger) eraseMetadata(ctx context.Context, bare map[core.ID]AccountKey, hashes []string) error {
	return l.Do(ctx, &Op{
		Names: func(b *Batch) {
			b.Accounts = slices.AppendSeq(b.Accounts, maps.Values(bare))
			b.Grants = slices.AppendSeq(b.Grants, maps.Keys(bare))
			b.Requests = append(b.Requests, hashes...)
		},
		Decide: func(tx *Tx) error {
			var cleared []*Request
			for _, hash := range hashes {
				req := tx.state.Requests[hash]
				if req == nil || req.Code != "" || req.Operation != OpGrant && req.Operation != OpVoid {
					continue
				}
				changed := *req
				if err := changed.forgetMetadata(); err != nil {
					return err
				}
				cleared = append(cleared, &changed)
			}
			for _, id := range slices.Sorted(maps.Keys(bare)) {
				if a := tx.Account(bare[id]); a != nil && a.Grant(id) != nil {
					a.Grant(id).Metadata = nil
					tx.changes.Bare = append(tx.changes.Bare, id)
				}
			}
			for _, req := range cleared {
				tx.state.Requests[req.Hash] = req
			}
			tx.changes.Cleared = append(tx.changes.Cleared, cleared...)
			tx.Wipe()
			return nil
		},
	})
}

// forgetMetadata takes a grant's metadata out of what was asked and answered.
func (r *Request) forgetMetadata() error {
	var receipt GrantReceipt
	if err := json.Unmarshal(r.Result, &receipt); err != nil {
		return err
	}
	receipt.Grant.Metadata = nil
	raw, err := json.Marshal(receipt)
	if err != nil {
		return err
	}
	r.Result = raw
	var kept []string
	for part := range strings.SplitSeq(r.Fields, "\x1e") {
		if name, value, ok := strings.Cut(part, "\x1f"); ok && name != "metadata" {
			kept = append(kept, name, value)
		}
	}
	r.Fields = fieldList(kept...)
	return nil
}

// eraseIntents takes what vendors were told of the customer. What was begun
// and is not settled keeps it: a repeated call must say the same again.
func (l *Ledger) eraseIntents(ctx context.Context, t *trace) error {
	out, can := l.options.Outward.(eraser)
	for after := core.ID(""); ; {
		list, err := l.Reader().Queues.Intents(ctx, QueueFilter{Customer: t.customer, After: after, Limit: erasePage})
		if err != nil {
			return err
		}
		for i := range list {
			after = list[i].ID
			t.connections[list[i].Connection] = true
			if list[i].State == Waiting && core.ID(list[i].Ref).Valid(core.PurchaseID) {
				t.waiting++ // it may still bring an address to pay at
			}
			if !can {
				continue
			}
			if _, is := out.EraseBody(list[i].Body); !is {
				continue
			}
			if err := l.eraseIntent(ctx, t, after, out); err != nil {
				return err
			}
		}
		if len(list) < erasePage {
			return nil
		}
	}
}

func (l *Ledger) eraseIntent(ctx context.Context, t *trace, id core.ID, out eraser) error {
	begun := false
	err := l.Do(ctx, &Op{
		Names: func(b *Batch) { b.Intents = append(b.Intents, Lease{ID: id}) },
		Decide: func(tx *Tx) error {
			i := *tx.Intent(id)
			begun = i.State == Waiting && (i.Tried || i.Attempts > 0)
			body, is := out.EraseBody(i.Body)
			if !is || begun {
				return nil
			}
			i.Body, i.Leased = body, true
			tx.SettleIntent(&i)
			tx.Wipe()
			return nil
		},
	})
	if begun {
		t.waiting++
	}
	return err
}

// findObjects collects what vendors hold the customer's things as.
func (l *Ledger) findObjects(ctx context.Context, t *trace) error {
	for _, connection := range slices.Sorted(maps.Keys(t.connections)) {
		for _, thing := range t.things {
			links, err := l.Reader().Links.Links(ctx, LinkKey{connection, thing})
			if err != nil {
				return err
			}
			t.links = append(t.links, links...)
		}
	}
	return nil
}

// eraseEvents empties the bodies of deliveries that name one of the vendors'
// objects. A parked one ends with it: nobody can apply it any more. One that
// waits is emptied by the worker that applies it.
func (l *Ledger) eraseEvents(ctx context.Context, t *trace) error {
	for _, connection := range slices.Sorted(maps.Keys(t.connections)) {
		var marks [][]byte
		for _, link := range t.links {
			if link.Connection == connection {
				quoted, err := json.Marshal(link.Vendor)
				if err != nil {
					return err
				}
				marks = append(marks, quoted)
			}
		}
		if len(marks) == 0 {
			continue
		}
		for after := core.ID(""); ; {
			list, err := l.Reader().Queues.Events(ctx, QueueFilter{Connection: connection, After: after, Limit: erasePage})
			if err != nil {
				return err
			}
			for i := range list {
				after = list[i].ID
				if !slices.ContainsFunc(marks, func(mark []byte) bool { return bytes.Contains(list[i].Body, mark) }) {
					continue
				}
				if err := l.eraseEvent(ctx, t, after); err != nil {
					return err
				}
			}
			if len(list) < erasePage {
				break
			}
		}
	}
	return nil
}

func (l *Ledger) eraseEvent(ctx context.Context, t *trace, id core.ID) error {
	waits := false
	err := l.Do(ctx, &Op{
		Names: func(b *Batch) { b.Events = append(b.Events, Lease{ID: id}) },
		Decide: func(tx *Tx) error {
			e := tx.Event(id)
			if waits = e.State == Waiting; waits {
				return nil
			}
			changed := *e
			if e.State == Parked {
				changed.State, changed.Settled = Ignored, tx.Now
				changed.Reason = "its customer was erased; it was parked: " + e.Reason
			}
			changed.Body = nil
			tx.PutEvent(&changed)
			tx.Wipe()
			return nil
		},
	})
	if waits {
		t.waiting++
	}
	return err
}
