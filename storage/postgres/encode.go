package postgres

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"scrip/core"
)

// The types that go to and fro, by PostgreSQL's numbers for them.
const (
	typeBool  = 16
	typeBytes = 17
	typeLong  = 20
	typeInt   = 23
	typeText  = 25
)

// array is a column of values in PostgreSQL's binary form, built as the rows
// come. No value is ever null.
type array struct {
	kind uint32
	n    int
	buf  []byte
}

// arrayHead is the length of what stands before the first value: dimensions,
// no nulls, the type, the count, and that counting starts at one.
const arrayHead = 20

func (a *array) room(size int) []byte {
	if a.buf == nil {
		a.buf = make([]byte, arrayHead, 512)
	}
	a.n++
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(size))
	return a.buf
}

func (a *array) long(v int64) { a.buf = binary.BigEndian.AppendUint64(a.room(8), uint64(v)) }
func (a *array) int(v int)    { a.buf = binary.BigEndian.AppendUint32(a.room(4), uint32(v)) }
func (a *array) blob(v []byte) {
	a.buf = append(a.room(len(v)), v...)
}

func (a *array) text(v string) {
	v = sound(v)
	a.buf = append(a.room(len(v)), v...)
}

func (a *array) bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	a.buf = append(a.room(1), b)
}

// value is the finished array.
func (a *array) value() []byte {
	if a.n == 0 {
		return binary.BigEndian.AppendUint32(make([]byte, 8, 12), a.kind) // no dimension
	}
	binary.BigEndian.PutUint32(a.buf, 1)
	binary.BigEndian.PutUint32(a.buf[8:], a.kind)
	binary.BigEndian.PutUint32(a.buf[12:], uint32(a.n))
	binary.BigEndian.PutUint32(a.buf[16:], 1)
	return a.buf
}

// sound is a text that PostgreSQL takes: it stores neither NUL nor broken
// UTF-8, and refusing what a vendor sent would only bring it again.
func sound(v string) string {
	if strings.IndexByte(v, 0) < 0 && utf8.ValidString(v) {
		return v
	}
	return strings.ReplaceAll(strings.ToValidUTF8(v, "\ufffd"), "\x00", "\ufffd")
}

// Single values.
func textOf(v string) []byte { return []byte(sound(v)) }
func intOf(v int) []byte     { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func longOf[T ~int64](v T) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(v))
}

func texts(list ...string) []byte {
	a := array{kind: typeText}
	for _, v := range list {
		a.text(v)
	}
	return a.value()
}

// row reads the columns of a result row in order. Its bytes are the
// connection's: what is kept is copied.
type row struct {
	values [][]byte
	next   int
}

func (r *row) bytes() []byte {
	r.next++
	return r.values[r.next-1]
}

// int reads a whole number of any width.
func (r *row) int() int64 {
	switch b := r.bytes(); len(b) {
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	default:
		return 0 // null: no statement gives it where it matters
	}
}

func (r *row) text() string { return string(r.bytes()) }

func (r *row) blob() []byte {
	b := r.bytes()
	return append(make([]byte, 0, len(b)), b...)
}

func (r *row) hash(into *[32]byte) { copy(into[:], r.bytes()) }

func (r *row) bool() bool {
	b := r.bytes()
	return len(b) == 1 && b[0] != 0
}

func (r *row) time() core.Time     { return core.Time(r.int()) }
func (r *row) amount() core.Amount { return core.Amount(r.int()) }
func (r *row) id() core.ID         { return core.ID(r.text()) }
