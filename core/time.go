package core

import (
	"math"
	"strings"
	"time"
)

// Time is an instant in microseconds since 1970 UTC. The zero Time is unset.
// Being a plain integer it compares with < and has no zone to get wrong.
type Time int64

// Never is later than every instant: the expiry of what does not expire.
const Never Time = math.MaxInt64

// maxTime is the last instant that may be written, at the end of the year 9999.
const maxTime Time = 253402300799_999999

// TimeOf converts t, cutting to microseconds.
func TimeOf(t time.Time) Time { return Time(t.UnixMicro()) }

// Std returns t as a [time.Time] in UTC.
func (t Time) Std() time.Time { return time.UnixMicro(int64(t)).UTC() }

// Add returns t moved by d; Never stays Never.
func (t Time) Add(d time.Duration) Time {
	if t == Never {
		return Never
	}
	return t + Time(d.Microseconds())
}

// String is RFC 3339 in UTC, "never" for Never and "" when unset.
func (t Time) String() string {
	switch t {
	case 0:
		return ""
	case Never:
		return "never"
	}
	return t.Std().Format(time.RFC3339Nano)
}

// ParseTime reads RFC 3339 with any offset and cuts to microseconds.
func ParseTime(text string) (Time, error) {
	std, err := time.Parse(time.RFC3339Nano, text)
	// The standard parser also takes a comma and an hour of one digit.
	if err != nil || text[len("2006-01-02T15")] != ':' || strings.Contains(text, ",") {
		return 0, Errorf(CodeInvalid, "time %q is not RFC 3339, such as \"2026-01-31T12:00:00Z\"", clip(text))
	}
	t := TimeOf(std)
	if t <= 0 || t > maxTime {
		return 0, Errorf(CodeInvalid, "time %q is outside the years 1970 to 9999", clip(text))
	}
	return t, nil
}

// AddMonths moves t by n calendar months in UTC and clamps to the last day of
// a shorter month: 31 January plus one month is 28 or 29 February.
func (t Time) AddMonths(n int) Time {
	if t == Never {
		return Never
	}
	s := t.Std()
	first := time.Date(s.Year(), s.Month()+time.Month(n), 1, s.Hour(), s.Minute(), s.Second(), s.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return TimeOf(first.AddDate(0, 0, min(s.Day(), last)-1))
}
