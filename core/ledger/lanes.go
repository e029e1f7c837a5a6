package ledger

import "scrip/core"

// buckets is how many partitions there are, see [core.Bucket]. A store with as
// many lanes wants each of its transactions to stay within one.
const buckets = 64

// acrossBatch is how many ops over several partitions share a commit there:
// each locks all that it touches.
const acrossBatch = 16

// lanesOf is where each op runs. All are asked for what they name before the
// first is given away: ops of one call may share what they name by.
func (l *Ledger) lanesOf(ops []*Op) []chan<- *Op {
	lanes := make([]chan<- *Op, len(ops))
	for i, op := range ops {
		lanes[i] = l.lane(op)
	}
	return lanes
}

// lane is where an op runs: with the others of its partition, so that no
// account is decided twice at once. Where every partition has a lane of its
// own, an op over several runs in one more.
func (l *Ledger) lane(op *Op) chan<- *Op {
	lanes := len(l.lanes)
	if lanes == 1 {
		return l.lanes[0]
	}
	var b Batch
	op.Names(&b)
	first, several := b.bucket()
	if lanes <= buckets {
		return l.lanes[first%lanes]
	}
	if several {
		return l.lanes[buckets]
	}
	return l.lanes[first]
}

// most is how many ops one commit of a lane takes.
func (l *Ledger) most(lane int) int {
	if lane == buckets {
		return min(acrossBatch, l.options.MaxBatch)
	}
	return l.options.MaxBatch
}

// bucket is the partition of what a batch names, and whether that may be more
// than one. Where the store keeps records, links and natural keys is its own
// affair.
func (b *Batch) bucket() (first int, several bool) {
	first = -1
	at := func(bucket int) {
		if bucket < 0 { // of an id that nobody gave
			return
		}
		several = several || first >= 0 && bucket != first
		if first < 0 {
			first = bucket
		}
	}
	for _, key := range b.Accounts {
		at(core.Bucket(key.Customer))
	}
	for _, ids := range [][]core.ID{b.Grants, b.Holds} {
		for _, id := range ids {
			at(id.Bucket())
		}
	}
	for _, leases := range [][]Lease{b.Events, b.Intents} {
		for _, lease := range leases {
			at(lease.ID.Bucket())
		}
	}
	several = several || len(b.Records)+len(b.Links)+len(b.Naturals) > 0
	return max(first, 0), several
}
