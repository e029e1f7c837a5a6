package core

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var prefixes = []string{GrantID, DebitID, HoldID, PurchaseID, ReversalID, IntentID, EventID, KeyID}

func TestNewIDIsItsCommand(t *testing.T) {
	base := NewID(DebitID, "ada", "debit", "k1", 0)
	if again := NewID(DebitID, "ada", "debit", "k1", 0); again != base {
		t.Errorf("the same command makes %s and %s", base, again)
	}
	for what, other := range map[string]ID{
		"prefix":    NewID(HoldID, "ada", "debit", "k1", 0),
		"owner":     NewID(DebitID, "bob", "debit", "k1", 0),
		"operation": NewID(DebitID, "ada", "grant", "k1", 0),
		"key":       NewID(DebitID, "ada", "debit", "k2", 0),
		"index":     NewID(DebitID, "ada", "debit", "k1", 1),
		"boundary":  NewID(DebitID, "ada", "debitk", "1", 0),
	} {
		if other == base {
			t.Errorf("another %s makes the same id %s", what, base)
		}
	}
	// Ids are stored for ever: this one must never change.
	if want := ID("deb_zqq08k7r19g2rzcqwqvgdbnm"); base != want {
		t.Errorf("the id is %s, it was always %s", base, want)
	}
}

// An id leads to its request: the 22 characters after the bucket's two are
// the hash of (operation, key, index) alone.
func TestIDCarriesItsRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~]{1,40}`)
		owner, operation, key := text.Draw(t, "owner"), text.Draw(t, "operation"), text.Draw(t, "key")
		prefix := rapid.SampledFrom(prefixes).Draw(t, "prefix")
		id, bare := NewID(prefix, owner, operation, key, 0), NewID("", "", operation, key, 0)
		if id[len(id)-22:] != bare[len(bare)-22:] {
			t.Fatalf("%s does not lead to the request of %s", id, bare)
		}
		if !id.Valid(prefix) || id.Bucket() != Bucket(owner) || id.Bucket() != int(Hash(owner)>>4) {
			t.Fatalf("%s of %q: valid %t, bucket %d, want %d", id, owner, id.Valid(prefix), id.Bucket(), Bucket(owner))
		}
		if other := NewID(prefix, owner, operation, key+"x", 0); other[:len(prefix)+3] != id[:len(prefix)+3] || other == id {
			t.Fatalf("%s and %s are of one owner and differ in their key only", id, other)
		}
	})
}

func TestBucketsAreEven(t *testing.T) {
	var count [BucketCount]int
	const each = 200
	for i := range each * BucketCount {
		count[Bucket(fmt.Sprint("customer-", i))]++
	}
	for b, n := range count {
		if n < each/2 || n > each*2 {
			t.Errorf("bucket %d has %d of %d customers, about %d are expected", b, n, each*BucketCount, each)
		}
	}
}

// AP-03.
func TestIDForm(t *testing.T) {
	good := string(NewID(GrantID, "ada", "grant", "k", 0))
	for name, id := range map[string]string{
		"empty": "", "prefix alone": "grn_", "no prefix": good[4:], "other prefix": "hld" + good[3:], "upper case": strings.ToUpper(good),
		"short": good[:27], "long": good + "0", "no underscore": "grn" + good[4:], "letter i": good[:27] + "i", "letter l": good[:27] + "l",
		"letter o": good[:27] + "o", "letter u": good[:27] + "u", "space": good[:27] + " ", "padding": good[:27] + "=",
		"AP-03 line break":    good[:27] + "\n",
		"AP-03 line breaks":   "grn_" + strings.Repeat("\n", 24),
		"AP-03 return inside": good[:10] + "\r" + good[11:],
		"AP-03 eight breaks":  good[:20] + strings.Repeat("\n", 8),
		"AP-03 NUL":           good[:27] + "\x00",
		"AP-03 path":          "grn_../../../../../../../../",
		"AP-03 emoji":         good[:24] + "😀",
		"AP-03 quote":         good[:27] + "'",
		"AP-03 100 kB":        "grn_" + strings.Repeat("0", 100_000),
	} {
		if ID(id).Valid(GrantID) {
			t.Errorf("%s: %.40q is taken for a grant's id", name, id)
		}
		if name != "other prefix" && ID(id).Bucket() != -1 {
			t.Errorf("%s: %.40q has bucket %d", name, id, ID(id).Bucket())
		}
	}
	if !ID(good).Valid(GrantID) || ID(good).Valid(HoldID) || ID(good).Valid("") {
		t.Errorf("%s must be the id of a grant and of nothing else", good)
	}
}
