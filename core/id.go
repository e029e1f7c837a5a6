package core

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// ID names a thing: a prefix that tells its kind, and base32 of 120 bits, of
// which the first 10 are the customer's bucket and 110 a hash of what made it.
// The same command so makes the same ids on every store, and an id leads to
// its bucket.
type ID string

// The prefixes of ids, and how they part the tables.
const (
	GrantID    = "grn"
	DebitID    = "deb"
	HoldID     = "hld"
	PurchaseID = "pur"
	ReversalID = "rev"
	IntentID   = "int"
	EventID    = "inb"
	KeyID      = "key"

	// BucketCount is the number of buckets that partition every table: the
	// top bits of the 10 that an id carries.
	BucketCount = 64
)

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// idLength is the length of an id's part after the prefix: 120 bits in base32.
const idLength = 24

// Hash is the stable 10-bit hash of a customer id (or an event id, for what
// arrives before its customer is known) that its ids carry.
func Hash(name string) uint16 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint16(sum[:]) >> 6
}

// Bucket is the partition of a customer: the top 6 bits of its hash.
func Bucket(name string) int { return int(Hash(name) >> 4) }

// NewID derives the id of the index-th thing of one kind that the command
// (operation, key) makes for owner.
func NewID(prefix, owner, operation, key string, index int) ID {
	var buf [256]byte
	text := append(buf[:0], operation...)
	text = append(text, 0)
	text = append(text, key...)
	text = append(text, 0)
	text = binary.BigEndian.AppendUint32(text, uint32(index))
	sum := sha256.Sum256(text)
	return makeID(prefix, Hash(owner), sum)
}

func makeID(prefix string, hash uint16, sum [32]byte) ID {
	// 10 bits of hash in front of the first 110 bits of the sum.
	var raw [15]byte
	binary.BigEndian.PutUint16(raw[:], hash<<6|uint16(sum[0]>>2))
	for i := 2; i < len(raw); i++ {
		raw[i] = sum[i-2]<<6 | sum[i-1]>>2
	}
	var out [40]byte
	n := copy(out[:], prefix)
	out[n] = '_'
	idEncoding.Encode(out[n+1:], raw[:])
	return ID(out[:n+1+idLength])
}

// Valid reports whether id has the given prefix and form.
func (id ID) Valid(prefix string) bool {
	rest, ok := strings.CutPrefix(string(id), prefix+"_")
	if !ok {
		return false
	}
	_, ok = decodeID(rest)
	return ok
}

// decodeID reads the part of an id after the prefix. The decoder skips line
// breaks, so a text that holds some falls short of the full length.
func decodeID(rest string) (raw [15]byte, ok bool) {
	if len(rest) != idLength {
		return raw, false
	}
	n, err := idEncoding.Decode(raw[:], []byte(rest))
	return raw, err == nil && n == len(raw)
}

// Bucket is the partition that the id carries, or -1 for a malformed id.
func (id ID) Bucket() int {
	_, rest, _ := strings.Cut(string(id), "_")
	raw, ok := decodeID(rest)
	if !ok {
		return -1
	}
	return int(raw[0] >> 2)
}
