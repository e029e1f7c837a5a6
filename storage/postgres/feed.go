package postgres

import (
	"context"
	"encoding/base64"
	"encoding/binary"

	"scrip/core"
	"scrip/core/ledger"
)

// cursor is how far a reader of the feed has come: a position for each bucket,
// and the bucket in which it reads on, so that a busy one keeps no other
// waiting.
type cursor struct {
	from      int
	positions [core.BucketCount]int64
}

// cursorForm is the first byte of a cursor.
const cursorForm = 1

// String writes a cursor down: its form, where to read on, and each bucket that
// has been read as its number and its position.
func (c *cursor) String() string {
	b := []byte{cursorForm, byte(c.from)}
	for bucket, pos := range c.positions {
		if pos > 0 {
			b = binary.AppendUvarint(append(b, byte(bucket)), uint64(pos))
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads what String wrote, and nothing else.
func parseCursor(text string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 2 || b[0] != cursorForm || b[1] >= core.BucketCount {
		return c, ledger.ErrCursor
	}
	c.from = int(b[1])
	for b = b[2:]; len(b) > 0; {
		bucket := int(b[0])
		pos, n := binary.Uvarint(b[1:])
		if bucket >= core.BucketCount || n <= 0 || int64(pos) <= 0 {
			return c, ledger.ErrCursor
		}
		c.positions[bucket] = int64(pos)
		b = b[1+n:]
	}
	if c.String() != text {
		return c, ledger.ErrCursor
	}
	return c, nil
}

var (
	feedHeads = &statement{"feed_heads", "SELECT bucket, next_pos FROM buckets"}
	feedRows  = &statement{"feed_rows", "SELECT pos, " + entryColumns + " FROM entries WHERE bucket = $1 AND pos > $2 AND pos <= $3 ORDER BY pos"}
)

// Feed implements [ledger.EntryReader]. Positions are those of a bucket and
// without gaps: they are given out under the bucket's fence, by commits that
// move the fence with them. So what the fence counts is there to be read.
func (r reader) Feed(ctx context.Context, after string, limit int) (list []core.Entry, next string, err error) {
	at, err := parseCursor(after)
	if err != nil {
		return nil, after, err
	}
	err = r.store.with(ctx, func(c *session) error {
		var heads [core.BucketCount]int64 // the last position of each bucket
		var look trip
		look.add(feedHeads, func(r *row) error {
			if bucket := r.int(); bucket >= 0 && bucket < core.BucketCount {
				heads[bucket] = r.int() - 1
			}
			return nil
		})
		if err := c.run(ctx, &look); err != nil {
			return err
		}
		var read trip
		from, room := at.from, int64(limit)
		for i := range core.BucketCount {
			bucket := (from + i) % core.BucketCount
			seen, last := at.positions[bucket], heads[bucket]
			if seen > last {
				return ledger.ErrCursor // of another database
			}
			if n := min(room, last-seen); n > 0 {
				read.add(feedRows, func(r *row) error {
					at.positions[bucket] = r.int()
					list = append(list, r.entry())
					return nil
				}, intOf(bucket), longOf(seen), longOf(seen+n))
				room -= n
				at.from = (bucket + 1) % core.BucketCount
			}
		}
		return c.run(ctx, &read)
	})
	if err != nil || len(list) == 0 {
		return nil, after, err
	}
	return list, at.String(), nil
}
