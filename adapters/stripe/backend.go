package stripe

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"scrip/adapters"
)

// creditVersion is the API version of /v1/billing/credit_*: the first with
// priority (2025-02-24.acacia), and the last before invoices changed shape.
const creditVersion = "2025-02-24.acacia"

const (
	pageSize = 100 // the most a list gives at once
	maxPages = 200 // that one call of ours walks
)

// query are the parameters of a read, in order.
type query [][2]string

// versioned are the headers of a call, where they differ from stripe-go's.
func versioned(path string) http.Header {
	if strings.HasPrefix(path, "/v1/billing/credit_") {
		return http.Header{"Stripe-Version": {creditVersion}}
	}
	return nil
}

// write are the common parameters of a write: its deadline and its key.
func write(ctx context.Context, key string) stripego.Params {
	return stripego.Params{Context: ctx, IdempotencyKey: &key}
}

// read gets one object.
func (a *Adapter) read(ctx context.Context, path string, q query, into stripego.LastResponseSetter) error {
	values := &form.Values{}
	for _, pair := range q {
		values.Add(pair[0], pair[1])
	}
	params := &stripego.Params{Context: ctx, Headers: versioned(path)}
	if err := a.backend.CallRaw(http.MethodGet, path, a.key, values, params, into); err != nil {
		return readFailed(err)
	}
	return nil
}

// page is one page of a list or of a search.
type page[T any] struct {
	stripego.APIResource
	Object  string `json:"object"`
	HasMore bool   `json:"has_more"`
	Data    []T    `json:"data"`
}

// list reads one page.
func list[T any](ctx context.Context, a *Adapter, path string, q query) (*page[T], error) {
	var p page[T]
	if err := a.read(ctx, path, q, &p); err != nil {
		return nil, err
	}
	if p.Object != "list" && p.Object != "search_result" || p.HasMore && len(p.Data) == 0 {
		return nil, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not a page of a list")
	}
	return &p, nil
}

// listing reads the page that the caller asks for and returns its items with
// the cursor of the next.
func listing[T any](ctx context.Context, a *Adapter, path string, q query, p adapters.Page, id func(T) string) (*page[T], string, error) {
	limit := p.Limit
	if limit <= 0 || limit > pageSize {
		limit = pageSize
	}
	q = append(query{{"limit", strconv.Itoa(limit)}}, q...)
	if p.Cursor != "" {
		q = append(q, [2]string{"starting_after", p.Cursor})
	}
	got, err := list[T](ctx, a, path, q)
	if err != nil || !got.HasMore {
		return got, "", err
	}
	next := id(got.Data[len(got.Data)-1])
	if next == "" || next == p.Cursor {
		return nil, "", adapters.Errorf(adapters.CodeBadAnswer, "the list does not go on after its cursor")
	}
	return got, next, nil
}

// each walks a list until visit says stop, at most so many pages. It reports
// whether it saw the whole list.
func each[T any](ctx context.Context, a *Adapter, path string, q query, pages int, id func(T) string, visit func(T) (stop bool)) (whole bool, err error) {
	cursor := adapters.Page{}
	for range pages {
		got, next, err := listing(ctx, a, path, q, cursor, id)
		if err != nil {
			return false, err
		}
		for _, x := range got.Data {
			if visit(x) {
				return true, nil
			}
		}
		if next == "" {
			return true, nil
		}
		cursor.Cursor = next
	}
	return false, nil
}
