package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	pageSize  = 10
	pageLimit = 100
)

// listing says how a collection is listed. Filters and sorts are names of
// fields of the rendered objects, separated by spaces.
type listing struct {
	name    string // of one resource
	filters string
	sorts   string
	need    string // a filter that has to be there, as in subscription_id
	deleted bool   // deleted ones are listed with include_deleted alone
}

// filter is one condition on a field, such as created_at[after]=1.
type filter struct{ field, op, want string }

// query is a list request, read and checked.
type query struct {
	limit   int
	offset  string
	deleted bool
	sort    string
	down    bool
	filters []filter
}

func (c *call) query(l listing) (query, error) {
	q := query{limit: pageSize}
	fields, sorts := strings.Fields(l.filters), strings.Fields(l.sorts)
	found := l.need == ""
	for name, values := range c.Request.URL.Query() {
		field, op, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		want := values[0]
		switch {
		case name == "limit":
			n, err := strconv.Atoi(want)
			if err != nil || n < 1 || n > pageLimit {
				return q, wrong("limit", "%.20q is not between 1 and %d", want, pageLimit)
			}
			q.limit = n
		case name == "offset":
			var mark []string
			if json.Unmarshal([]byte(want), &mark) != nil || len(mark) != 2 {
				return q, wrong("offset", "is not one that a page gave")
			}
			q.offset = mark[1]
		case name == "include_deleted" && l.deleted:
			q.deleted = want == "true"
		case field == "sort_by" && (op == "asc" || op == "desc") && slices.Contains(sorts, want):
			q.sort, q.down = want, op == "desc"
		case op != "" && slices.Contains(fields, field):
			q.filters = append(q.filters, filter{field, op, want})
			found = found || field == l.need && op == "is" && want != ""
		default:
			return q, wrong(name, "is not a parameter of this list, or not with %.40q", want)
		}
	}
	if !found {
		return q, wrong(l.need+"[is]", "cannot be blank")
	}
	return q, nil
}

// list answers with a page of rows, which are ordered oldest first. beside adds
// what else stands in each item, nil for nothing.
func list[T row](c *call, l listing, rows []T, render func(T) obj, beside func(T) obj) (obj, error) {
	q, err := c.query(l)
	if err != nil {
		return nil, err
	}
	type item struct {
		row   T
		shown obj
	}
	var kept []item
	for _, x := range rows {
		shown := render(x)
		ok, err := q.keeps(l, shown)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, item{x, shown})
		}
	}
	if q.sort != "" {
		slices.SortStableFunc(kept, func(a, b item) int {
			x, _ := a.shown[q.sort].(int64)
			y, _ := b.shown[q.sort].(int64)
			return int(x - y)
		})
	}
	if q.sort != "" && q.down || q.sort == "" && !c.a.Variant(listsOldestFirst) {
		slices.Reverse(kept)
	}
	if q.offset != "" {
		at := slices.IndexFunc(kept, func(i item) bool { return i.row.key() == q.offset })
		if at < 0 {
			return nil, wrong("offset", "is not one that a page gave")
		}
		kept = kept[at+1:]
	}
	out := obj{}
	if len(kept) > q.limit {
		kept = kept[:q.limit]
		mark, err := json.Marshal([]string{strconv.FormatInt(c.now.UnixMilli(), 10), kept[q.limit-1].row.key()})
		if err != nil {
			return nil, err
		}
		out["next_offset"] = string(mark)
	}
	items := []obj{}
	for _, i := range kept {
		shown := obj{}
		if beside != nil {
			shown = beside(i.row)
		}
		shown[l.name] = i.shown
		items = append(items, shown)
	}
	out["list"] = items
	return out, nil
}

func (q query) keeps(l listing, shown obj) (bool, error) {
	if gone, _ := shown["deleted"].(bool); gone && l.deleted && !q.deleted {
		return false, nil
	}
	for _, f := range q.filters {
		got, there := shown[f.field]
		ok, known := f.holds(got, there)
		if !known {
			return false, wrong(f.field+"["+f.op+"]", "cannot be applied with %.60q", f.want)
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// holds applies a condition to a field's value, and says whether it is one that
// the field can have.
func (f filter) holds(got any, there bool) (ok, known bool) {
	if f.op == "is_present" {
		return there == (f.want == "true"), f.want == "true" || f.want == "false"
	}
	switch x := got.(type) {
	case int64:
		return f.holdsNumber(x)
	case bool:
		return strconv.FormatBool(x) == f.want, f.op == "is"
	}
	x, _ := got.(string)
	switch f.op {
	case "is":
		return there && x == f.want, true
	case "is_not":
		return x != f.want, true
	case "starts_with":
		return there && strings.HasPrefix(x, f.want), true
	case "in", "not_in":
		list, known := words(f.want)
		return slices.Contains(list, x) == (f.op == "in"), known
	default: // a time or number that the object does not have
		return false, !there
	}
}

func (f filter) holdsNumber(x int64) (ok, known bool) {
	if f.op == "between" {
		var pair []int64
		known = json.Unmarshal([]byte(f.want), &pair) == nil && len(pair) == 2
		return known && x >= pair[0] && x <= pair[1], known
	}
	want, err := strconv.ParseInt(f.want, 10, 64)
	if err != nil {
		return false, false
	}
	switch f.op {
	case "is":
		return x == want, true
	case "is_not":
		return x != want, true
	case "after", "gt":
		return x > want, true
	case "before", "lt":
		return x < want, true
	case "gte":
		return x >= want, true
	case "lte":
		return x <= want, true
	case "on":
		return time.Unix(x, 0).UTC().Format(time.DateOnly) == time.Unix(want, 0).UTC().Format(time.DateOnly), true
	}
	return false, false
}

// words reads ["a","b"], or [a,b] as older clients write it.
func words(text string) ([]string, bool) {
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil {
		return list, true
	}
	inner, ok := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	return strings.Split(inner, ","), ok && closed
}
