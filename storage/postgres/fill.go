package postgres

import "slices"

// fill gathers the rows of one statement: one group of all rows, each with its
// bucket, or a group for each bucket.
type fill struct {
	split  bool
	width  int
	groups []*group
}

// group is the rows of one statement as its arrays.
type group struct {
	bucket  int
	buckets array
	columns []array
	next    int // column of the row that is being added
	n       int // rows
}

func newFill(split bool, width int) *fill { return &fill{split: split, width: width} }

// row begins a row of a bucket; its columns follow in their order.
func (f *fill) row(bucket int) *group {
	g := f.group(bucket)
	g.next = 0
	g.n++
	g.buckets.int(bucket)
	return g
}

func (f *fill) group(bucket int) *group {
	for _, g := range f.groups {
		if !f.split || g.bucket == bucket {
			return g
		}
	}
	g := &group{bucket: bucket, buckets: array{kind: typeInt}, columns: make([]array, f.width)}
	f.groups = append(f.groups, g)
	return g
}

func (g *group) column(kind uint32) *array {
	a := &g.columns[g.next]
	a.kind = kind
	g.next++
	return a
}

func (g *group) text(v string) *group { g.column(typeText).text(v); return g }
func (g *group) blob(v []byte) *group { g.column(typeBytes).blob(v); return g }
func (g *group) bool(v bool) *group   { g.column(typeBool).bool(v); return g }
func (g *group) longs(values ...int64) *group {
	for _, v := range values {
		g.column(typeLong).long(v)
	}
	return g
}

// single reports whether all rows are of one bucket.
func (g *group) single() bool {
	for at := arrayHead + 4; at < len(g.buckets.buf); at += 8 {
		if string(g.buckets.buf[at:at+4]) != string(g.buckets.buf[arrayHead+4:arrayHead+8]) {
			return false
		}
	}
	return true
}

// empty reports whether there is nothing to do.
func (f *fill) empty() bool { return len(f.groups) == 0 }

// add queues the statement for all rows, the buckets ascending.
func (f *fill) add(t *trip, form *form, each func(*row) error) {
	slices.SortFunc(f.groups, func(a, b *group) int { return a.bucket - b.bucket })
	for _, g := range f.groups {
		values := make([][]byte, 0, len(g.columns)+1)
		text := form.many
		if f.split || g.single() {
			text = form.one
			values = append(values, intOf(g.bucket))
		} else {
			values = append(values, g.buckets.value())
		}
		for i := range g.columns {
			values = append(values, g.columns[i].value())
		}
		t.add(text, each, values...)
	}
}
