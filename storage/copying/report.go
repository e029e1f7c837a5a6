package copying

import (
	"fmt"
	"maps"
	"math/big"
	"math/bits"
	"slices"
	"strings"

	"scrip/core/ledger"
)

// Report is what a comparison of two databases has found.
type Report struct {
	Tables  []Table
	Sums    []Sum
	Heads   int64              // accounts whose head and sequence are those of the source
	Told    int64              // texts that the target holds with U+FFFD for what PostgreSQL cannot keep
	Audit   ledger.AuditReport // of the target
	News    []ledger.Finding   // of the audit that the source's has not
	Copied  int64              // rows, by this run
	Resumed bool               // an earlier run had begun
}

// Table is how the rows of one table compare.
type Table struct {
	Name                    string
	Source, Target          int64 // rows
	Missing, Extra, Changed int64 // in the target
	Examples                []string
}

// Sum is an amount that both databases were added up to, of a unit.
type Sum struct {
	Unit, What     string
	Source, Target string // in the unit's smallest part
}

// maxExamples is how many rows of a table are named.
const maxExamples = 5

// Same reports whether the target holds what the source does, and nothing is
// wrong with it that is not with the source.
func (r *Report) Same() bool {
	return len(r.News) == 0 &&
		!slices.ContainsFunc(r.Tables, func(t Table) bool { return t.Missing+t.Extra+t.Changed > 0 }) &&
		!slices.ContainsFunc(r.Sums, func(s Sum) bool { return s.Source != s.Target })
}

func (t *Table) example(p *passage, row []any, format string, args ...any) {
	if len(t.Examples) >= maxExamples {
		return
	}
	var key []string
	for _, at := range p.keys {
		if p.shared[at].name != bucketColumn {
			key = append(key, fmt.Sprint(row[at]))
		}
	}
	t.Examples = append(t.Examples, strings.Join(key, " ")+" "+fmt.Sprintf(format, args...))
}

// summed are the columns that are added up, by table.
var summed = map[string][]string{
	"accounts": {"consumed", "overdrawn"},
	"grants":   {"amount", "remaining", "held"},
	"entries":  {"amount"},
	"requests": {"amount", "reversed"},
}

// sums adds up a table's amounts on one side.
type sums struct {
	account, kind int // columns
	what          []string
	at            []int
	totals        map[sumKey]*total
}

// sumKey is what is added up: what of which unit, and of which kind of entry.
type sumKey struct{ unit, kind, what string }

// total is a sum of amounts, which may be more than an amount can be: negative
// ones only come from a database that is wrong.
type total struct {
	high int64
	low  uint64
}

func (t *total) add(n int64) {
	low, carry := bits.Add64(t.low, uint64(n), 0)
	t.low, t.high = low, t.high+n>>63+int64(carry)
}

func (t *total) String() string {
	if t == nil {
		return "0"
	}
	n := new(big.Int).Lsh(big.NewInt(t.high), 64)
	return n.Add(n, new(big.Int).SetUint64(t.low)).String()
}

func newSums(p *passage) *sums {
	s := &sums{account: p.at("account"), kind: -1, totals: map[sumKey]*total{}}
	if p.name == "entries" {
		s.kind = p.at("kind")
	}
	for _, name := range summed[p.name] {
		s.what, s.at = append(s.what, p.name+" "+name), append(s.at, p.at(name))
	}
	return s
}

func (s *sums) add(row []any) {
	if len(s.at) == 0 {
		return
	}
	key := sumKey{}
	_, key.unit, _ = strings.Cut(row[s.account].(string), "/")
	if s.kind >= 0 {
		key.kind = row[s.kind].(string)
	}
	for i, at := range s.at {
		key.what = s.what[i]
		t := s.totals[key]
		if t == nil {
			t = new(total)
			s.totals[key] = t
		}
		t.add(row[at].(int64))
	}
}

// join lists what two sides were added up to.
func join(source, target *sums) []Sum {
	keys := maps.Clone(source.totals)
	maps.Copy(keys, target.totals)
	var list []Sum
	for key := range keys {
		list = append(list, Sum{
			Unit: key.unit, What: strings.TrimSpace(key.kind + " " + key.what),
			Source: source.totals[key].String(), Target: target.totals[key].String(),
		})
	}
	slices.SortFunc(list, func(a, b Sum) int { return strings.Compare(a.Unit+"\x00"+a.What, b.Unit+"\x00"+b.What) })
	return list
}
