package config

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

const day = 24 * time.Hour

var (
	shortSpan = regexp.MustCompile(`^(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?$`)
	longSpan  = regexp.MustCompile(`^([0-9]{1,9}) (second|minute|hour|day|week)s?$`)
	lifeSpan  = regexp.MustCompile(`^([0-9]{1,6}) (day|week|month|year)s?$`)
	bareSpan  = regexp.MustCompile(`^[0-9.]+$`)
)

// seconds of the words of a duration.
var seconds = map[string]int64{"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}

// duration reads "15m", "1h30m" or "34 days" from least to most; what is at
// fault leaves the default, so that nothing else is found wrong because of it.
func (r *reader) duration(f field, into *time.Duration, least, most time.Duration) {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return
	}
	total, ok := spanSeconds(text)
	if !ok {
		why := "is not a duration"
		if bareSpan.MatchString(text) {
			why = "has no unit"
		}
		r.fault(f.value.at, "%s: %q %s, write 15m, 24h or 34 days", f.key, text, why)
		return
	}
	if total < int64(least/time.Second) || total > int64(most/time.Second) {
		r.fault(f.value.at, "%s: %q is not between %s and %s", f.key, text, spanText(least), spanText(most))
		return
	}
	*into = time.Duration(total) * time.Second
}

// spanSeconds is the length of a duration.
func spanSeconds(text string) (int64, bool) {
	if m := longSpan.FindStringSubmatch(text); m != nil {
		return number(m[1]) * seconds[m[2]], true
	}
	if m := shortSpan.FindStringSubmatch(text); m != nil {
		return number(m[1])*3600 + number(m[2])*60 + number(m[3]), true
	}
	return 0, false
}

// The longest life of a pack's credits: a hundred years.
const (
	maxMonths = 1200
	maxDays   = 36500
)

// life reads "12 months", "30 days" or never, as calendar months and days.
func (r *reader) life(f field) (months, days int) {
	text, ok := r.text(f, maxEcho)
	if !ok || text == "never" {
		return 0, 0
	}
	m := lifeSpan.FindStringSubmatch(text)
	if m == nil {
		r.fault(f.value.at, "%s: %q is not a time such as 12 months or 30 days, nor never", f.key, text)
		return 0, 0
	}
	n := int(number(m[1]))
	switch m[2] {
	case "day":
		days = n
	case "week":
		days = 7 * n
	case "month":
		months = n
	case "year":
		months = 12 * n
	}
	if n == 0 || months > maxMonths || days > maxDays {
		r.fault(f.value.at, "%s: %q is not between 1 day and 100 years", f.key, text)
		return 0, 0
	}
	return months, days
}

// number reads digits whose count a pattern has bounded; none are zero.
func number(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}

// spanText is a duration as the file would write it.
func spanText(d time.Duration) string {
	switch {
	case d%day == 0 && d > day:
		return fmt.Sprintf("%d days", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
