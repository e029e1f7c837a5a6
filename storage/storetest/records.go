package storetest

import (
	"fmt"

	"scrip/core/ledger"
)

var recordCases = []testCase{
	{"a record comes back, version by version", recordVersions},
	{"look-up keys follow their record", recordKeys},
	{"a deleted record stays as a mark and frees its keys", recordDeleted},
	{"kinds are apart", recordKinds},
	{"lists resume by id", recordPages},
	{"links are many to many and equal ones are one", linksManyToMany},
}

func (w *world) put(r ledger.Record) error {
	return w.write(ledger.Changes{Records: []*ledger.Record{&r}})
}

// record reads a record, and checks that a batch sees the same one.
func (w *world) record(key ledger.RecordKey) *ledger.Record {
	w.Helper()
	r, err := w.reader.Records.Record(w.ctx, key)
	w.need(err)
	seen, err := w.see(ledger.Batch{Records: []ledger.RecordKey{key}})
	w.need(err)
	w.same("what a batch sees", seen.Records[key], r)
	return r
}

func recordVersions(w *world) {
	key := ledger.RecordKey{Kind: "plan", ID: "p ü/1"}
	if r := w.record(key); r != nil {
		w.Errorf("there is %+v", r)
	}
	r := ledger.Record{Kind: key.Kind, ID: key.ID, Version: 1, Keys: []string{"b", "a", ""}, Body: []byte(`{"text":"ü\u0000","n":9223372036854775807}`), At: start}
	w.need(w.put(r))
	w.same("first", w.record(key), r)
	r.Version, r.Body, r.Keys, r.At = 2, []byte(`{}`), nil, start+1
	w.need(w.put(r))
	w.same("second", w.record(key), r)
	for _, wrong := range []int64{0, 1, 2, 4, -1} {
		r.Version = wrong
		if err := w.put(r); err == nil {
			w.Errorf("version %d was taken after 2", wrong)
		}
	}
	one, two := r, r
	one.Version, two.Version, two.Body = 3, 4, []byte(`{"both":true}`)
	w.need(w.write(ledger.Changes{Records: []*ledger.Record{&one, &two}}))
	w.same("two versions of one commit", w.record(key), two)
}

func recordKeys(w *world) {
	first := ledger.Record{Kind: "endpoint", ID: "1", Version: 1, Keys: []string{"x", "y"}, Body: []byte(`{"v":1}`), At: start}
	w.need(w.put(first))
	find := func(key string, want *ledger.Record) {
		w.Helper()
		r, err := w.reader.Records.ByKey(w.ctx, "endpoint", key)
		w.need(err)
		w.same("by key "+key, r, want)
	}
	find("x", &first)
	find("y", &first)
	find("z", nil)
	first.Version, first.Keys = 2, []string{"y", "z"}
	w.need(w.put(first))
	find("x", nil)
	find("y", &first)
	find("z", &first)
	second := ledger.Record{Kind: "endpoint", ID: "2", Version: 1, Keys: []string{"x"}, Body: []byte(`{}`), At: start}
	w.need(w.put(second))
	find("x", &second)
	taken := ledger.Record{Kind: "endpoint", ID: "3", Version: 1, Keys: []string{"q", "z"}, Body: []byte(`{}`), At: start}
	if err := w.put(taken); err == nil {
		w.Error("a key was given to two records")
	}
	find("q", nil)
}

func recordDeleted(w *world) {
	key := ledger.RecordKey{Kind: "endpoint", ID: "1"}
	r := ledger.Record{Kind: key.Kind, ID: key.ID, Version: 1, Keys: []string{"x"}, Body: []byte(`{"v":1}`), At: start}
	w.need(w.put(r))
	gone := ledger.Record{Kind: key.Kind, ID: key.ID, Version: 2, Body: []byte(`{}`), Deleted: true, At: start + 1}
	w.need(w.put(gone))
	w.same("deleted", w.record(key), gone)
	found, err := w.reader.Records.ByKey(w.ctx, "endpoint", "x")
	w.need(err)
	list, err := w.reader.Records.List(w.ctx, "endpoint", "", 10)
	w.need(err)
	if found != nil || len(list) != 0 {
		w.Errorf("by key %v, listed %v", found, list)
	}
	if err := w.put(r); err == nil {
		w.Error("a deleted record began at version 1 again")
	}
	r.Version = 3
	w.need(w.put(r))
	w.same("back again", w.record(key), r)
}

func recordKinds(w *world) {
	for i, kind := range []string{"a", "b"} {
		w.need(w.put(ledger.Record{Kind: kind, ID: "same", Version: 1, Keys: []string{"same"}, Body: fmt.Appendf(nil, `{"n":%d}`, i), At: start}))
	}
	for i, kind := range []string{"a", "b"} {
		r, err := w.reader.Records.ByKey(w.ctx, kind, "same")
		w.need(err)
		if r == nil || string(r.Body) != fmt.Sprintf(`{"n":%d}`, i) {
			w.Errorf("kind %s has %v", kind, r)
		}
		list, err := w.reader.Records.List(w.ctx, kind, "", 10)
		w.need(err)
		w.same("listed", len(list), 1)
	}
}

func recordPages(w *world) {
	want := []string{"A", "B", "Z", "a", "a-b", "a_b", "aa", "b", "z", "ä"} // in byte order
	for _, i := range []int{3, 9, 0, 5, 7, 1, 8, 2, 6, 4} {
		w.need(w.put(ledger.Record{Kind: "k", ID: want[i], Version: 1, Body: []byte("{}"), At: start}))
	}
	for _, limit := range []int{1, 3, 100} {
		got := []string{}
		for after := ""; ; after = got[len(got)-1] {
			list, err := w.reader.Records.List(w.ctx, "k", after, limit)
			w.need(err)
			if len(list) == 0 {
				break
			}
			for _, r := range list {
				got = append(got, r.ID)
			}
		}
		w.same("ids", got, want)
	}
}

func linksManyToMany(w *world) {
	links := []ledger.Link{
		{Connection: "east", Neutral: "g1", Role: "credit", Vendor: "v1"},
		{Connection: "east", Neutral: "g1", Role: "credit", Vendor: "v2"},
		{Connection: "east", Neutral: "g1", Role: "wallet", Vendor: "v1"},
		{Connection: "east", Neutral: "g2", Role: "credit", Vendor: "v1"},
		{Connection: "west", Neutral: "g1", Role: "credit", Vendor: "v1"},
	}
	w.need(w.write(ledger.Changes{Links: links[:3]}))
	w.need(w.write(ledger.Changes{Links: append(links[1:], links[0], links[4])}))
	check := func(what string, got []ledger.Link, err error, want ...ledger.Link) {
		w.Helper()
		w.need(err)
		w.same(what, got, want)
	}
	key := ledger.LinkKey{Connection: "east", Neutral: "g1"}
	got, err := w.reader.Links.Links(w.ctx, key)
	check("of g1", got, err, links[0], links[1], links[2])
	seen, err := w.see(ledger.Batch{Links: []ledger.LinkKey{key}})
	w.need(err)
	w.same("what a batch sees", seen.Links[key], links[:3])
	got, err = w.reader.Links.ByVendor(w.ctx, "east", "v1")
	check("of v1 in the east", got, err, links[0], links[2], links[3])
	got, err = w.reader.Links.ByVendor(w.ctx, "west", "v1")
	check("of v1 in the west", got, err, links[4])
	got, err = w.reader.Links.Links(w.ctx, ledger.LinkKey{Connection: "west", Neutral: "g2"})
	w.need(err)
	w.same("none", len(got), 0)
	w.need(w.write(ledger.Changes{Unlinked: []ledger.Link{links[0], {Connection: "east", Neutral: "g1", Role: "credit", Vendor: "v9"}}}))
	got, err = w.reader.Links.Links(w.ctx, key)
	check("of g1, one removed", got, err, links[1], links[2])
	w.need(w.write(ledger.Changes{Unlinked: links[1:2], Links: links[:2]}))
	got, err = w.reader.Links.Links(w.ctx, key)
	check("of g1, replaced", got, err, links[0], links[1], links[2])
}
