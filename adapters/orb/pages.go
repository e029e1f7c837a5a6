package orb

import (
	"context"
	"net/url"
	"strconv"

	"scrip/adapters"
)

const (
	pageSize   = 100 // the most a list gives at once
	ledgerSize = 500 // the ledger's gives 1000; half keeps answers small
	maxPages   = 200 // that one call of ours walks
)

// page is one page of a list.
type page[T any] struct {
	Data  *[]T `json:"data"`
	Pages struct {
		More bool   `json:"has_more"`
		Next string `json:"next_cursor"`
	} `json:"pagination_metadata"`
}

// listed is a page that was understood; next is empty at the end of the list.
type listed[T any] struct {
	Data []T
	next string
}

// list reads one page.
func list[T any](ctx context.Context, a *Adapter, path string, q url.Values) (listed[T], error) {
	var p page[T]
	if err := a.api.Get(ctx, path, q, &p); err != nil {
		return listed[T]{}, err
	}
	next := p.Pages.Next
	if !p.Pages.More {
		next = ""
	}
	if p.Data == nil || p.Pages.More && (next == "" || next == q.Get("cursor")) {
		return listed[T]{}, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not a page of a list")
	}
	return listed[T]{*p.Data, next}, nil
}

// each walks what a customer has in a unit until visit says stop. A list that does not end within
// bounds is an error: what was not seen is not known.
func each[T any](ctx context.Context, a *Adapter, customer, unit, what string, q url.Values, size int, visit func(*T) (stop bool)) error {
	q.Set("limit", strconv.Itoa(size))
	for range maxPages {
		got, err := listIn[T](ctx, a, customer, unit, what, q)
		if err != nil {
			return err
		}
		for i := range got.Data {
			if visit(&got.Data[i]) {
				return nil
			}
		}
		if got.next == "" {
			return nil
		}
		q.Set("cursor", got.next)
	}
	return adapters.Errorf(adapters.CodeBadAnswer, "the list has no end within %d pages", maxPages)
}

// ledger walks a customer's entries of one type in one unit, newest first.
func (a *Adapter) ledger(ctx context.Context, customer, unit, kind string, q url.Values, visit func(*entry) (stop bool)) error {
	if q == nil {
		q = url.Values{}
	}
	q.Set("entry_type", kind)
	return each(ctx, a, customer, unit, ofEntries, q, ledgerSize, func(e *entry) bool {
		return e.Type == kind && visit(e) // the filter is the vendor's to keep, the type is ours to check
	})
}

// inUnits runs f for each unit that is read until one says stop.
func (a *Adapter) inUnits(f func(unit string) (stop bool, err error)) error {
	for _, u := range a.units {
		if stop, err := f(u); stop || err != nil {
			return err
		}
	}
	return nil
}
