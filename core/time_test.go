package core

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at reads an instant that a test knows to be right.
func at(text string) Time {
	std, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return TimeOf(std)
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-31T12:00:00Z":           "2026-01-31T12:00:00Z",
		"2026-01-31T12:00:00+02:00":      "2026-01-31T10:00:00Z",
		"2026-01-31T00:30:00+05:45":      "2026-01-30T18:45:00Z",
		"2026-01-31T12:00:00.123456Z":    "2026-01-31T12:00:00.123456Z",
		"2026-01-31T12:00:00.1234569Z":   "2026-01-31T12:00:00.123456Z",
		"1970-01-01T00:00:00.000001Z":    "1970-01-01T00:00:00.000001Z",
		"9999-12-31T23:59:59.999999999Z": "9999-12-31T23:59:59.999999Z",
		"2024-02-29T00:00:00Z":           "2024-02-29T00:00:00Z",
		"2026-01-31T12:00:00.100-00:00":  "2026-01-31T12:00:00.1Z",
	} {
		got, err := ParseTime(text)
		if err != nil || got.String() != want {
			t.Errorf("ParseTime(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T1:02:03Z", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00+99:99",
		"1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z",
		"1767225600", " 2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z\n", strings.Repeat("2026-", 2000),
	} {
		got, err := ParseTime(text)
		if CodeOf(err) != CodeInvalid || got != 0 {
			t.Errorf("ParseTime(%.40q) = %v, %v; want a refusal", text, got, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("the refusal of %.20q has %d characters", text, len(err.Error()))
		}
	}
}

func TestTimeText(t *testing.T) {
	if Time(0).String() != "" || Never.String() != "never" {
		t.Errorf("unset is %q, never is %q", Time(0), Never)
	}
	if got := at("2026-01-01T00:00:00Z").Add(90 * time.Minute).String(); got != "2026-01-01T01:30:00Z" {
		t.Errorf("90 minutes into 2026 it is %s", got)
	}
	if Never.Add(-time.Hour) != Never || Never.AddMonths(-1) != Never {
		t.Error("never moves")
	}
}

func TestAddMonths(t *testing.T) {
	for _, c := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-01-31T12:34:56.789012Z", 1, "2026-02-28T12:34:56.789012Z"},
		{"2024-01-31T00:00:00Z", 1, "2024-02-29T00:00:00Z"},
		{"2026-01-31T00:00:00Z", 2, "2026-03-31T00:00:00Z"}, // from the anchor: no drift
		{"2026-01-31T00:00:00Z", 3, "2026-04-30T00:00:00Z"},
		{"2026-01-30T00:00:00Z", 1, "2026-02-28T00:00:00Z"},
		{"2026-01-28T00:00:00Z", 1, "2026-02-28T00:00:00Z"},
		{"2024-02-29T00:00:00Z", 12, "2025-02-28T00:00:00Z"},
		{"2024-02-29T00:00:00Z", 48, "2028-02-29T00:00:00Z"},
		{"2024-02-29T00:00:00Z", -12, "2023-02-28T00:00:00Z"},
		{"2026-12-31T23:59:59.999999Z", 2, "2027-02-28T23:59:59.999999Z"},
		{"2026-03-31T00:00:00Z", -1, "2026-02-28T00:00:00Z"},
		{"2026-05-15T08:00:00Z", 0, "2026-05-15T08:00:00Z"},
		{"2000-01-31T00:00:00Z", 1, "2000-02-29T00:00:00Z"}, // divisible by 400
		{"2100-01-31T00:00:00Z", 1, "2100-02-28T00:00:00Z"}, // divisible by 100
	} {
		if got := at(c.from).AddMonths(c.n).String(); got != c.want {
			t.Errorf("%s plus %d months is %s, want %s", c.from, c.n, got, c.want)
		}
	}
}

func TestAddMonthsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := Time(rapid.Int64Range(1, int64(maxTime)/2).Draw(t, "from"))
		n := rapid.IntRange(-24, 600).Draw(t, "n")
		a, b := from.Std(), from.AddMonths(n).Std()
		if got := (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month()); got != n {
			t.Fatalf("%s plus %d months is %s, %d months on", from, n, TimeOf(b), got)
		}
		if tomorrow := b.AddDate(0, 0, 1); b.Day() != a.Day() && (b.Day() > a.Day() || tomorrow.Day() != 1) {
			t.Fatalf("%s plus %d months is %s, neither the same day nor the last", from, n, TimeOf(b))
		}
		if a.Sub(a.Truncate(24*time.Hour)) != b.Sub(b.Truncate(24*time.Hour)) {
			t.Fatalf("%s plus %d months is %s, at another time of day", from, n, TimeOf(b))
		}
	})
}
