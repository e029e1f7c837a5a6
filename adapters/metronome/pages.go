package metronome

import (
	"context"
	"net/url"

	"scrip/adapters"
)

const maxPages = 200 // that one call of ours walks

// page is one page of a list.
type page[T any] struct {
	Data *[]T    `json:"data"`
	Next *string `json:"next_page"`
}

// read checks a page that was asked for by a cursor; next is empty at the end.
func (p *page[T]) read(cursor string) (items []T, next string, err error) {
	if p.Next != nil {
		next = *p.Next
	}
	if p.Data == nil || next != "" && next == cursor {
		return nil, "", adapters.Errorf(adapters.CodeBadAnswer, "the answer is not a page of a list")
	}
	return *p.Data, next, nil
}

// list reads one page of a list whose cursor is in the query: by GET, or with
// filters in a body by POST.
func list[T any](ctx context.Context, a *Adapter, path string, q url.Values, filters any) ([]T, string, error) {
	var p page[T]
	var err error
	if filters == nil {
		err = a.api.Get(ctx, path, q, &p)
	} else {
		err = a.api.Query(ctx, path+"?"+q.Encode(), filters, &p)
	}
	if err != nil {
		return nil, "", err
	}
	return p.read(q.Get("next_page"))
}

// each walks such a list until visit says stop. A list that does not end
// within bounds is an error: what was not seen is not known.
func each[T any](ctx context.Context, a *Adapter, path string, q url.Values, filters any, visit func(*T) (stop bool)) error {
	return walk(q.Get("next_page"), func(cursor string) ([]T, string, error) {
		if cursor != "" {
			q.Set("next_page", cursor)
		}
		return list[T](ctx, a, path, q, filters)
	}, visit)
}

func walk[T any](cursor string, read func(cursor string) ([]T, string, error), visit func(*T) (stop bool)) error {
	for range maxPages {
		items, next, err := read(cursor)
		if err != nil {
			return err
		}
		for i := range items {
			if visit(&items[i]) {
				return nil
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
	return adapters.Errorf(adapters.CodeBadAnswer, "the list has no end within %d pages", maxPages)
}
