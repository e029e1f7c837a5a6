package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// snapshot is a sandbox at rest.
type snapshot struct {
	Version  int               `json:"version"`
	Vendor   string            `json:"vendor"`
	Accounts []accountSnapshot `json:"accounts"`
}

type accountSnapshot struct {
	Book  book            `json:"book"`
	State json.RawMessage `json:"state"`
}

const snapshotVersion = 1

// Snapshot returns everything the sandbox knows as JSON: state, clocks,
// stored answers, events, endpoints with their signing secrets, and what still
// waits to be sent. API keys are not in it, only their hashes.
func (s *Server) Snapshot() ([]byte, error) {
	out := snapshot{Version: snapshotVersion, Vendor: s.vendor.Name}
	for _, a := range s.all() {
		one, err := a.snapshot()
		if err != nil {
			return nil, err
		}
		out.Accounts = append(out.Accounts, one)
	}
	slices.SortFunc(out.Accounts, func(a, b accountSnapshot) int { return strings.Compare(a.Book.ID, b.Book.ID) })
	return json.Marshal(out)
}

func (a *Account) snapshot() (accountSnapshot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	state, err := json.Marshal(a.state)
	if err != nil {
		return accountSnapshot{}, fmt.Errorf("state cannot be written as JSON: %w", err)
	}
	text, err := json.Marshal(a.book)
	if err != nil {
		return accountSnapshot{}, fmt.Errorf("account cannot be written as JSON: %w", err)
	}
	out := accountSnapshot{State: state}
	return out, json.Unmarshal(text, &out.Book) // a copy that shares nothing
}

// Restore replaces everything by a snapshot of the same vendor's sandbox and
// goes on sending what waited.
func (s *Server) Restore(data []byte) error {
	var in snapshot
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("snapshot cannot be read: %w", err)
	}
	if in.Version != snapshotVersion || in.Vendor != s.vendor.Name {
		return fmt.Errorf("snapshot is of %q version %d; this sandbox needs %q version %d", in.Vendor, in.Version, s.vendor.Name, snapshotVersion)
	}
	fresh := map[string]*Account{}
	for _, one := range in.Accounts {
		a := newAccount(s, one.Book.ID)
		if err := json.Unmarshal(one.State, a.state); err != nil {
			return fmt.Errorf("snapshot's state cannot be read: %w", err)
		}
		a.book = one.Book
		a.book.fill()
		a.queue = slices.Clone(a.book.Deliveries)
		fresh[a.book.ID] = a
	}
	s.mu.Lock()
	old := s.accounts
	s.accounts = fresh
	s.mu.Unlock()
	for _, a := range old {
		close(a.stop)
		a.mu.Lock()
		a.abandon()
		a.mu.Unlock()
	}
	for _, a := range fresh {
		a.mu.Lock()
		a.kick()
		a.mu.Unlock()
	}
	return nil
}

// fill makes the maps that JSON left nil.
func (b *book) fill() {
	blank := emptyBook(b.ID)
	if b.Variants == nil {
		b.Variants = blank.Variants
	}
	if b.Calls == nil {
		b.Calls = blank.Calls
	}
	if b.Answers == nil {
		b.Answers = blank.Answers
	}
}
