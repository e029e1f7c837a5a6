package sandbox

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// clause is one test of a search query.
type clause struct {
	field, key, value string
	substring, not    bool
}

func (q clause) meets(x *customer) bool {
	have := ""
	switch q.field {
	case "email":
		have = x.Email
	case "name":
		have = x.Name
	case "phone":
		have = x.Phone
	case "metadata":
		have = x.Metadata[q.key]
	}
	hit := strings.EqualFold(have, q.value)
	if q.field == "metadata" {
		hit = have == q.value
	}
	if q.substring {
		hit = strings.Contains(strings.ToLower(have), strings.ToLower(q.value))
	}
	return hit != q.not
}

// parseQuery reads clauses such as metadata['external_id']:'acct_42' joined by
// AND or by OR; the two cannot be mixed.
func parseQuery(query string) (all []clause, or bool, err *apiError) {
	one := regexp.MustCompile(`^\s*(-?)(email|name|phone|metadata\[(?:'([^']*)'|"([^"]*)")\])\s*([:~])\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*`)
	joined := regexp.MustCompile(`^(?i:(and|or))\s+`)
	bad := invalid("query", "We were unable to parse your search query. Try metadata['key']:'value' or email:'value'.")
	for rest := query; ; {
		m := one.FindStringSubmatch(rest)
		if m == nil {
			return nil, false, bad
		}
		field, _, _ := strings.Cut(m[2], "[")
		unescape := strings.NewReplacer(`\'`, `'`, `\"`, `"`, `\\`, `\`)
		all = append(all, clause{field: field, key: m[3] + m[4], value: unescape.Replace(m[6] + m[7]), substring: m[5] == "~", not: m[1] == "-"})
		rest = rest[len(m[0]):]
		if rest == "" {
			return all, or, nil
		}
		j := joined.FindStringSubmatch(rest)
		if j == nil {
			return nil, false, bad
		}
		this := strings.EqualFold(j[1], "or")
		if len(all) > 1 && this != or {
			return nil, false, bad
		}
		or, rest = this, rest[len(j[0]):]
	}
}

func searchCustomers(c *call) (any, error) {
	query := c.p.needText("query")
	w := c.p.window()
	skip, err := strconv.Atoi("0" + c.p.form["page"])
	if err != nil {
		c.p.fail(invalid("page", "Invalid page: use the next_page of the answer before"))
	}
	if c.p.err != nil {
		return nil, c.p.err
	}
	clauses, or, bad := parseQuery(query)
	if bad != nil {
		return nil, bad
	}
	var hits []*customer
	for _, x := range slices.Backward(c.st.Customers.Rows) {
		met := func(q clause) bool { return q.meets(x) }
		missed := func(q clause) bool { return !q.meets(x) }
		if x.Deleted || or && !slices.ContainsFunc(clauses, met) || !or && slices.ContainsFunc(clauses, missed) {
			continue
		}
		if x.Unsearchable > 0 {
			x.Unsearchable--
			continue
		}
		hits = append(hits, x)
	}
	hits = hits[min(skip, len(hits)):]
	page := hits[:min(w.Limit, len(hits))]
	data := []obj{}
	for _, x := range page {
		data = append(data, renderCustomer(x))
	}
	more := len(hits) > len(page)
	out := obj{"object": "search_result", "url": "/v1/customers/search", "has_more": more, "data": data, "next_page": nil}
	if more {
		out["next_page"] = strconv.Itoa(skip + len(page))
	}
	return out, nil
}
