package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"scrip/adapters/sandbox"
)

// mutate changes an object as a person in Metronome's app, or a bug, might.
func mutate(a *sandbox.Account, m sandbox.Mutation) error {
	w := worldOf(a)
	switch m.Object {
	case "customer":
		return w.mutateCustomer(m)
	case "grant", "credit", "commit":
		return w.mutateGrant(m)
	case "entry", "ledger_entry":
		return w.mutateEntry(m)
	case "product":
		return w.mutateProduct(m)
	case "webhook":
		w.emit("webhooks.test", obj{})
		return nil
	default:
		return refusal(http.StatusBadRequest, "object %q cannot be changed; use customer, credit, commit, ledger_entry (its id is that of the grant, a slash and a number), product or webhook", m.Object)
	}
}

// altered is a copy of a row with some fields set, by the names that a snapshot
// shows.
func altered[T any](x *T, m sandbox.Mutation) (*T, error) {
	text, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		return nil, err
	}
	if m.Fields["id"] != nil {
		return nil, refusal(http.StatusBadRequest, "the id of a %s cannot be changed", m.Object)
	}
	fields, err := json.Marshal(m.Fields)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(fields))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return nil, refusal(http.StatusBadRequest, "fields do not fit a %s: %v", m.Object, err)
	}
	return out, nil
}

func nobody(m sandbox.Mutation) error {
	return refusal(http.StatusNotFound, "there is no %s %q", m.Object, m.ID)
}

func (w *world) mutateCustomer(m sandbox.Mutation) error {
	x, ok := w.st.Customers.get(m.ID)
	if !ok {
		return nobody(m)
	}
	if m.Op == "delete" {
		x.Archived = &w.now
		return nil
	}
	changed, err := altered(x, m)
	if err != nil {
		return err
	}
	if m.Op == "duplicate" {
		changed.ID = uuid(w.a)
		w.st.Customers.add(changed)
		return nil
	}
	*x = *changed
	return nil
}

// mutateGrant changes a grant in place; a deleted one is gone without a trace.
func (w *world) mutateGrant(m sandbox.Mutation) error {
	x, ok := w.st.Grants.get(m.ID)
	if !ok {
		return nobody(m)
	}
	if m.Op == "delete" {
		w.st.Grants.remove(x.ID)
		if m.Webhook {
			w.tellGrant(x, "archive", nil)
		}
		return nil
	}
	changed, err := altered(x, m)
	if err != nil {
		return err
	}
	what := "edit"
	if m.Op == "duplicate" {
		what, changed.ID, changed.Key = "create", uuid(w.a), ""
		for _, s := range changed.Segments {
			old := s.ID
			s.ID = uuid(w.a)
			for _, e := range changed.Manuals {
				if e.Segment == old {
					e.Segment = s.ID
				}
			}
		}
		x = w.st.Grants.add(changed)
	} else {
		*x = *changed
	}
	if m.Webhook {
		w.tellGrant(x, what, nil)
	}
	w.touched(x.Customer)
	return nil
}

// mutateEntry changes a manual entry; its id is the grant's, a slash, and its
// place among the manual entries.
func (w *world) mutateEntry(m sandbox.Mutation) error {
	id, place, _ := strings.Cut(m.ID, "/")
	x, ok := w.st.Grants.get(id)
	i, err := strconv.Atoi(place)
	if !ok || err != nil || i < 0 || i >= len(x.Manuals) {
		return nobody(m)
	}
	changed, err := altered(x.Manuals[i], m)
	if err != nil {
		return err
	}
	switch m.Op {
	case "delete":
		x.Manuals = slices.Delete(x.Manuals, i, i+1)
	case "duplicate":
		x.Manuals = append(x.Manuals, changed)
	default:
		x.Manuals[i] = changed
	}
	w.touched(x.Customer)
	return nil
}

func (w *world) mutateProduct(m sandbox.Mutation) error {
	x, ok := w.st.Products.get(m.ID)
	if !ok {
		return nobody(m)
	}
	changed, err := altered(x, m)
	if err != nil {
		return err
	}
	switch m.Op {
	case "delete":
		x.Archived = &w.now
	case "duplicate":
		changed.ID = uuid(w.a)
		w.st.Products.add(changed)
	default:
		*x = *changed
	}
	return nil
}
