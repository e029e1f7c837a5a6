package core

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The parsers read what strangers send: none may panic, and none may read a
// text as anything but exactly what it says.

func seed(f *testing.F, texts ...string) {
	for _, c := range badAmounts {
		f.Add(c.text)
	}
	for _, text := range texts {
		f.Add(text)
	}
}

// refused checks a refusal: its code, and that it does not echo a flood.
func refused(t *testing.T, text string, err error) {
	if CodeOf(err) != CodeInvalid || len(err.Error()) > 600 {
		t.Fatalf("%q is refused with %v", text, err)
	}
}

// plain is a decimal without what Format adds or leaves out: trailing zeros.
func plain(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// SC-07.
func FuzzParseAmount(f *testing.F) {
	seed(f, "0", "10.50", "0.000001", "1152921504606846975")
	f.Fuzz(func(t *testing.T, text string) {
		for scale := range MaxScale + 1 {
			a, err := ParseAmount(text, scale)
			if err != nil {
				refused(t, text, err)
				continue
			}
			if a < 0 || a > MaxAmount || plain(a.Format(scale)) != plain(text) {
				t.Fatalf("%q at scale %d is read as %s", text, scale, a.Format(scale))
			}
			if signed, err := ParseSigned("-"+text, scale); err != nil || signed != -a {
				t.Fatalf("-%s is read as %d, %v", text, signed, err)
			}
		}
	})
}

func FuzzParseRate(f *testing.F) {
	seed(f, "0.08", "1", "0.000000001", "3.33")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			refused(t, text, err)
			return
		}
		if r.Num < 0 || r.Den <= 0 || 1_000_000_000%r.Den != 0 {
			t.Fatalf("%q is read as %v", text, r)
		}
		if got := plain(bigRat(r).FloatString(MaxScale)); got != plain(text) {
			t.Fatalf("%q is read as %v, which is %s", text, r, got)
		}
	})
}

func FuzzParseMoney(f *testing.F) {
	seed(f, "80 usd", "0.50 eur", "1000 jpy", "1.234 iqd", "0.0001 clf", "80 USD", "80  usd")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMoney(text)
		if err != nil {
			refused(t, text, err)
			return
		}
		number, code, _ := strings.Cut(text, " ")
		if plain(m.Decimal()) != plain(number) || string(m.Currency) != code {
			t.Fatalf("%q is read as %s", text, m)
		}
		if back, err := ParseMoney(m.String()); err != nil || back != m {
			t.Fatalf("%q is written %q and reads back as %v, %v", text, m, back, err)
		}
	})
}

func FuzzParsePrice(f *testing.F) {
	seed(f, "0.08 usd", "0 jpy", "0.000000001 clf", "1/3 usd")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePrice(text)
		if err != nil {
			refused(t, text, err)
			return
		}
		number, code, _ := strings.Cut(text, " ")
		if got := plain(bigRat(p.Rate).FloatString(MaxScale)); got != plain(number) || string(p.Currency) != code || p.IsZero() {
			t.Fatalf("%q is read as %v", text, p)
		}
		if r, err := p.PerPart(6); err == nil && bigRat(r).Sign() != bigRat(p.Rate).Sign() {
			t.Fatalf("%q is %v for a part", text, r)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	seed(f, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.1234567+05:45", "9999-12-31T23:59:59.999999999Z", "2026-01-31T1:02:03Z", "2016-12-31T23:59:60Z")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTime(text)
		if err != nil {
			refused(t, text, err)
			return
		}
		if at <= 0 || at > maxTime {
			t.Fatalf("%q is read as %d", text, int64(at))
		}
		if back, err := ParseTime(at.String()); err != nil || back != at {
			t.Fatalf("%q is written %q and reads back as %d, %v", text, at, int64(back), err)
		}
		if later := at.AddMonths(1); later <= at {
			t.Fatalf("a month after %s is %s", at, later)
		}
	})
}

func FuzzParseCurrency(f *testing.F) {
	seed(f, "usd", "jpy", "iqd", "clf", "USD", "us ", "d u")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCurrency(text)
		if err != nil {
			refused(t, text, err)
			return
		}
		if string(c) != text || len(text) != 3 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") != "" || c.Exponent() < 0 || c.Exponent() > 4 {
			t.Fatalf("%q is read as %q with %d decimals", text, c, c.Exponent())
		}
	})
}

func FuzzID(f *testing.F) {
	good := string(NewID(GrantID, "ada", "grant", "k", 0))
	seed(f, good, good[:27]+"\n", "grn_"+strings.Repeat("\n", 24), "_"+good[4:], good+"\x00")
	f.Fuzz(func(t *testing.T, text string) {
		id := ID(text)
		if b := id.Bucket(); b < -1 || b >= BucketCount {
			t.Fatalf("%q has bucket %d", text, b)
		}
		if !id.Valid(GrantID) {
			return
		}
		rest := strings.TrimPrefix(text, "grn_")
		if len(text) != 28 || strings.Trim(rest, "0123456789abcdefghjkmnpqrstvwxyz") != "" || id.Bucket() < 0 || id.Valid(HoldID) {
			t.Fatalf("%q is taken for a grant's id", text)
		}
		raw, _ := decodeID(rest)
		if idEncoding.EncodeToString(raw[:]) != rest {
			t.Fatalf("%q is another spelling of %q", text, idEncoding.EncodeToString(raw[:]))
		}
	})
}

func FuzzNewID(f *testing.F) {
	f.Add("ada", "debit", "k")
	f.Add("", "", "")
	f.Add("ada\x00", "deb\x00it", strings.Repeat("k", 255))
	f.Fuzz(func(t *testing.T, owner, operation, key string) {
		id := NewID(DebitID, owner, operation, key, 0)
		if !id.Valid(DebitID) || id.Bucket() != Bucket(owner) || !utf8.ValidString(string(id)) {
			t.Fatalf("%q of %q is not an id in bucket %d", id, owner, Bucket(owner))
		}
	})
}
