package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// lot is a grant of a test: paid, priority 50, unrestricted.
type lot struct {
	id              ID
	amount          Amount
	starts, expires Time
}

func (l lot) terms() Terms {
	return Terms{ID: l.id, Amount: l.amount, Category: Paid, Priority: DefaultPriority, Starts: l.starts, Expires: l.expires}
}

// newAccount is an account at time 0 with some grants.
func newAccount(lots ...lot) *Account {
	a := &Account{Customer: "ada", Unit: Unit{"credits", 2}, Order: DefaultOrder()}
	for _, l := range lots {
		if _, err := a.Issue(l.terms(), 0); err != nil {
			panic(err)
		}
	}
	a.Entries = nil
	return a
}

// clone copies an account; parts of holds are never changed in place.
func clone(a *Account) *Account {
	b := *a
	b.Grants, b.Holds, b.Entries, b.Windows = slices.Clone(a.Grants), slices.Clone(a.Holds), slices.Clone(a.Entries), slices.Clone(a.Windows)
	return &b
}

// story is the entries since the test began, one word each: "debit g1 5 @7".
func story(a *Account) string {
	var words []string
	for _, e := range a.Entries {
		words = append(words, fmt.Sprintf("%s %s %d @%d", e.Kind, e.Grant, int64(e.Amount), int64(e.Effective)))
	}
	return strings.Join(words, ", ")
}

func wantStory(t *testing.T, a *Account, want string) {
	t.Helper()
	if got := story(a); got != want {
		t.Errorf("entries are\n  %s, want\n  %s", got, want)
	}
}

// wantBalance checks posted, held and available.
func wantBalance(t *testing.T, a *Account, now Time, posted, held Amount) {
	t.Helper()
	if got, want := a.Balance(now), (Balance{posted, held, posted - held}); got != want {
		t.Errorf("balance at %d is %+v, want %+v", int64(now), got, want)
	}
}

// wantCode checks a refusal, and the field it names.
func wantCode(t *testing.T, err error, code Code, field string) {
	t.Helper()
	if CodeOf(err) != code {
		t.Errorf("the answer is %v, want code %q", err, code)
		return
	}
	if e, ok := err.(*Error); ok && e.Field != field {
		t.Errorf("%v names the field %q, want %q", err, e.Field, field)
	}
}

// must fails the test on a refusal.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func allocations(parts []Allocation) string {
	var words []string
	for _, p := range parts {
		words = append(words, fmt.Sprintf("%s %d", p.Grant, int64(p.Amount)))
	}
	return strings.Join(words, ", ")
}

func wantParts(t *testing.T, got []Allocation, want string) {
	t.Helper()
	if allocations(got) != want {
		t.Errorf("allocations are %q, want %q", allocations(got), want)
	}
}
