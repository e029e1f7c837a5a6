package copying

import (
	"fmt"
	"slices"
	"strings"

	"scrip/core"
)

// table is one of those that are copied, in the order in which they are.
type table struct {
	name string
	key  string // columns that tell its rows apart, and order them on both sides
	// moment is the column by which rows of different buckets are put into one
	// order where positions count all of them; counter is what gives positions
	// where they count those of a bucket.
	moment, counter string
	// filed is the column that chooses the bucket where the databases differ in
	// it, hashed that it is taken as a name also where it looks like an id.
	filed  string
	hashed bool
}

var tables = [...]table{
	{name: "accounts", key: "bucket, account"},
	{name: "grants", key: "bucket, id"},
	{name: "holds", key: "bucket, id"},
	{name: "entries", key: "bucket, account, seq", moment: "recorded", counter: "next_pos"},
	{name: "requests", key: "hash, bucket"},
	{name: "naturals", key: "key", filed: "key", hashed: true},
	{name: "records", key: "kind, id", filed: "id"},
	{name: "record_keys", key: "kind, key", filed: "key", hashed: true},
	{name: "links", key: "connection, neutral, role, vendor", filed: "neutral"},
	{name: "inbox", key: "id", moment: "received", counter: "next_item", filed: "id"},
	{name: "outbox", key: "id", moment: "created", counter: "next_item", filed: "id"},
}

// The columns that a database gives by itself.
const (
	bucketColumn = "bucket"
	posColumn    = "pos"
	leasedColumn = "leased"
)

// given reports whether a column's value is the target's and not the source's.
func (t *table) given(column string) bool {
	return column == posColumn || column == leasedColumn || column == bucketColumn && t.filed != ""
}

// kind is what a column holds.
type kind int

const (
	number kind = iota
	text
	blob
	truth // 0 or 1
)

type column struct {
	name string
	kind kind
}

// like reports whether both hold the same: SQLite writes truth as a number.
func (c column) like(other column) bool {
	plain := func(k kind) kind {
		if k == truth {
			return number
		}
		return k
	}
	return c.name == other.name && plain(c.kind) == plain(other.kind)
}

// passage is how the rows of a table go from one database to the other.
type passage struct {
	*table
	shared []column // as the source has them, in the order of their names
	target []column // the same, as the target has them
	own    []column // that the target gives by itself
	keys   []int    // where the key stands in shared
}

// pass compares the columns of both databases.
func pass(t *table, source, target []column) (*passage, error) {
	p := &passage{table: t}
	byName := func(a, b column) int { return strings.Compare(a.name, b.name) }
	slices.SortFunc(source, byName)
	slices.SortFunc(target, byName)
	for _, c := range target {
		if t.given(c.name) {
			p.own = append(p.own, c)
		} else {
			p.target = append(p.target, c)
		}
	}
	for _, c := range source {
		if !t.given(c.name) {
			p.shared = append(p.shared, c)
		}
	}
	if !slices.EqualFunc(p.shared, p.target, column.like) {
		return nil, fmt.Errorf("table %s has the columns %s in the source and %s in the target: use the same program on both", t.name, names(p.shared), names(p.target))
	}
	for _, key := range strings.Split(t.key, ", ") {
		at := p.at(key)
		if at < 0 {
			return nil, fmt.Errorf("table %s has no column %s", t.name, key)
		}
		p.keys = append(p.keys, at)
	}
	return p, nil
}

// at is where a column stands among the shared ones, or -1.
func (p *passage) at(name string) int {
	return slices.IndexFunc(p.shared, func(c column) bool { return c.name == name })
}

func names(columns []column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.name
	}
	return strings.Join(list, ", ")
}

func (p *passage) keyColumns() []column {
	list := make([]column, len(p.keys))
	for i, at := range p.keys {
		list[i] = p.shared[at]
	}
	return list
}

// bucket is where a row of the source lies in PostgreSQL.
func (p *passage) bucket(row []any) (int, error) {
	if p.filed != "" {
		name := row[p.at(p.filed)].(string)
		if b := core.ID(name).Bucket(); b >= 0 && !p.hashed {
			return b, nil
		}
		return core.Bucket(name), nil
	}
	b := row[p.at(bucketColumn)].(int64)
	if b < 0 || b >= core.BucketCount {
		return 0, fmt.Errorf("table %s has a row in bucket %d, which does not exist: scrip audit says more", p.name, b)
	}
	return int(b), nil
}
