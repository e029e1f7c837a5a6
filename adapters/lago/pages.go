package lago

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"scrip/adapters"
	"scrip/internal/rest"
)

const (
	pageSize = 100 // Lago's own default; no maximum is documented
	maxPages = 500 // that one call of ours walks
)

// listed is a page of a list that was understood.
type listed[T any] struct {
	rows []T
	more bool
}

// list reads one page, which Lago numbers from 1, newest first. An empty list
// may call itself page 0.
func list[T any](ctx context.Context, a *Adapter, path, name string, q url.Values, page, size int) (listed[T], error) {
	var out listed[T]
	q.Set("page", strconv.Itoa(page))
	q.Set("per_page", strconv.Itoa(size))
	var fields map[string]json.RawMessage
	if err := a.api.Get(ctx, path, q, &fields); err != nil {
		return out, err
	}
	var meta struct {
		Next  *int `json:"next_page"`
		Pages *int `json:"total_pages"`
	}
	rows, ok := fields[name]
	bad := !ok || json.Unmarshal(rows, &out.rows) != nil || out.rows == nil || json.Unmarshal(fields["meta"], &meta) != nil || meta.Pages == nil
	if bad || meta.Next != nil && (*meta.Next <= page || len(out.rows) == 0) {
		return listed[T]{}, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not a page of a list")
	}
	out.more = meta.Next != nil
	return out, nil
}

// each walks a list until visit says stop. Rows that move to the next page
// while it is read, because newer ones came, are visited once. A list that does
// not end within bounds is an error: what was not seen is not known.
func each[T any](ctx context.Context, a *Adapter, path, name string, q url.Values, id func(*T) string, visit func(*T) (stop bool)) error {
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		got, err := list[T](ctx, a, path, name, q, page, pageSize)
		if err != nil {
			return err
		}
		for i := range got.rows {
			row := &got.rows[i]
			if id(row) == "" {
				return adapters.Errorf(adapters.CodeBadAnswer, "a listed object has no id")
			}
			if seen[id(row)] {
				continue
			}
			seen[id(row)] = true
			if visit(row) {
				return nil
			}
		}
		if !got.more {
			return nil
		}
	}
	return adapters.Errorf(adapters.CodeBadAnswer, "the list has no end within %d pages", maxPages)
}

// cursor is the place of a page, and the last row of the one before: rows move
// towards the end while a list is read, so it tells what was read already.
type cursor struct {
	page int
	last string
}

func parseCursor(text string) (cursor, error) {
	if text == "" {
		return cursor{page: 1}, nil
	}
	number, last, ok := strings.Cut(text, ":")
	page, err := strconv.Atoi(number)
	if err != nil || !ok || page < 2 {
		return cursor{}, badCursor()
	}
	return cursor{page, last}, nil
}

func badCursor() error {
	return adapters.Errorf(adapters.CodeInvalid, "the cursor is not one of this list")
}

// page reads the rows of one page that the page before did not have, each with
// its id and times, and returns the cursor of the next. Rows are newest first:
// read says when all further ones are too old.
func (a *Adapter) page(ctx context.Context, path, name string, q url.Values, p adapters.Page, read func(raw json.RawMessage, id string, t times) (old bool, err error)) (string, error) {
	at, err := parseCursor(p.Cursor)
	if err != nil {
		return "", err
	}
	got, err := list[json.RawMessage](ctx, a, path, name, q, at.page, limit(p))
	if err != nil {
		return "", err
	}
	type head struct {
		ID string `json:"lago_id"`
		times
	}
	heads, ids := make([]head, len(got.rows)), make([]string, len(got.rows))
	for i, raw := range got.rows {
		if json.Unmarshal(raw, &heads[i]) != nil || heads[i].ID == "" || heads[i].Created == nil || heads[i].Created.Unix() <= 0 {
			return "", adapters.Errorf(adapters.CodeBadAnswer, "a listed object has no id or no time of creation")
		}
		ids[i] = heads[i].ID
	}
	for i := slices.Index(ids, at.last) + 1; i < len(heads); i++ {
		if old, err := read(got.rows[i], heads[i].ID, heads[i].times); old || err != nil {
			return "", err
		}
	}
	if !got.more {
		return "", nil
	}
	return strconv.Itoa(at.page+1) + ":" + ids[len(ids)-1], nil
}

// filter is what is asked for of a wallet's movements: a pair of metadata, or
// one direction.
type filter struct{ key, value, direction string }

// transactions walks a wallet's movements, newest first. Releases before v1.51
// ignore the filter by metadata, so that rows are checked here.
func (a *Adapter) transactions(ctx context.Context, wallet string, f filter, visit func(*transaction) (stop bool)) error {
	q := url.Values{}
	if f.key != "" {
		q.Set("metadata["+f.key+"]", f.value)
	}
	if f.direction != "" {
		q.Set("transaction_type", f.direction)
	}
	var odd bool
	err := each(ctx, a, rest.Path("wallets", wallet, "wallet_transactions"), "wallet_transactions", q,
		func(t *transaction) string { return t.ID }, func(t *transaction) bool {
			if odd = t.Wallet != wallet || t.Type != "inbound" && t.Type != "outbound"; odd {
				return true
			}
			asked := (f.key == "" || t.Metadata.get(f.key) == f.value) && (f.direction == "" || t.Type == f.direction)
			return asked && visit(t)
		})
	if err == nil && odd {
		err = adapters.Errorf(adapters.CodeBadAnswer, "a listed transaction is not of the wallet that was asked for")
	}
	return err
}

// wallets reads all wallets of a customer, oldest first: terminated ones too.
func (a *Adapter) wallets(ctx context.Context, customer string) ([]wallet, error) {
	var out []wallet
	err := each(ctx, a, "/wallets", "wallets", url.Values{"external_customer_id": {customer}},
		func(w *wallet) string { return w.ID }, func(w *wallet) bool { out = append(out, *w); return false })
	for i := range out {
		if out[i].Customer != customer {
			return nil, adapters.Errorf(adapters.CodeBadAnswer, "a listed wallet is not of the customer that was asked for")
		}
	}
	slices.SortFunc(out, func(x, y wallet) int {
		if x.Created != nil && y.Created != nil && !x.Created.Equal(*y.Created) {
			return x.Created.Compare(*y.Created)
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out, err
}

// walletCursor reads a cursor of a list that goes wallet by wallet: the wallet,
// and the place in it. Wallets are never removed, and their order stays.
func walletCursor(all []wallet, text string) (at, offset int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	id, place, _ := strings.Cut(text, ":")
	at = slices.IndexFunc(all, func(w wallet) bool { return w.ID == id })
	offset, err = strconv.Atoi(place)
	if at < 0 || err != nil || offset < 0 {
		return 0, 0, badCursor()
	}
	return at, offset, nil
}

// nextWallet is the cursor behind the rows of a wallet that end at a place.
func nextWallet(all []wallet, at, end int, more bool) string {
	switch {
	case more:
		return all[at].ID + ":" + strconv.Itoa(end)
	case at+1 < len(all):
		return all[at+1].ID + ":0"
	}
	return ""
}
