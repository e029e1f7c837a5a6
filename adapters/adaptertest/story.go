package adaptertest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/speccheck"
)

// story sends every claimed order, some twice, looks them up and reads them
// back: what a connection lives through. It returns the state at its end.
func story(b *bench) string {
	b.t.Helper()
	b.ready()
	for _, o := range []order{
		putCustomer(1), createGrant(1, b.held(8000)), createGrant(1, b.held(8000)), createGrant(2, b.held(500)), putCarrier(), putCarrier(),
		consume(1, 350), consume(1, 350), consume(2, 1), consume(3, 40), takeBack(3), takeBack(3),
		sell(1, b.money(8000)), sell(1, b.money(8000)), endGrant(2, b.held(500)), endGrant(2, b.held(500)),
	} {
		if !b.has(o.needs) {
			continue
		}
		b.customer = b.links.One(adapters.RoleCustomer)
		b.must(o)
		if b.has("find by mark") {
			b.found(o)
		}
	}
	b.customer = b.links.One(adapters.RoleCustomer)
	b.readBack()
	return b.summary()
}

// found looks an order up. The vendor may lag behind, and some kinds cannot
// be looked up; but what is found is what the order made.
func (b *bench) found(o order) {
	b.t.Helper()
	got, err := b.port.Find(b.t.Context(), o.mark(b))
	if err != nil && adapters.AsError(err).Code != adapters.CodeNotSupported {
		b.t.Errorf("find after %s: %v", o.name, err)
	}
	for _, l := range got.Links {
		if l.Neutral != o.mark(b).Neutral || !slices.ContainsFunc(b.links, func(k adapters.Link) bool { return k.Vendor == l.Vendor }) && l.Role != adapters.RoleCustomer {
			b.t.Errorf("find after %s brought %v, which it did not make", o.name, l)
		}
	}
	stranger := o.mark(b)
	stranger.ID, stranger.Neutral, stranger.Customer = core.NewID(core.IntentID, "nobody", "none", "key", 1), "nobody", ""
	if got, err := b.port.Find(b.t.Context(), stranger); err == nil && len(got.Links) > 0 {
		b.t.Errorf("find of an order that was never sent brought %v", got.Links)
	}
}

// readBack exercises every claimed read once.
func (b *bench) readBack() {
	b.t.Helper()
	ctx := b.t.Context()
	check := func(what string, err error) {
		b.t.Helper()
		if err != nil {
			b.t.Errorf("%s: %v", what, err)
		}
	}
	check("probe", b.port.Probe(ctx))
	if b.has("read customers") {
		_, err := b.port.Customers(ctx, adapters.Page{Limit: 5})
		check("customers", err)
	}
	if b.has("read grants") {
		_, err := b.port.Grants(ctx, b.customer, adapters.Page{Limit: 5})
		check("grants", err)
	}
	if b.has("read usage") {
		_, err := b.port.Usage(ctx, b.usage(b.now-hour, b.now+hour))
		check("usage", err)
	}
	if b.has("list events") {
		_, err := b.port.Events(ctx, b.now-hour, adapters.Page{Limit: 5})
		check("events", err)
	}
	if b.has("sweep events") && len(b.sweepAll(b.now-hour, 5)) == 0 {
		b.t.Error("a sweep tells nothing")
	}
}

// testVariants runs the story with each unconfirmed behaviour of the vendor
// in either reading: the outcome is the same.
func testVariants(t *testing.T, h Harness) {
	l := newLab(t, h)
	var list struct {
		Variants []struct {
			Name string `json:"name"`
		} `json:"variants"`
	}
	l.account(t).control("GET", "variant", "", &list)
	var names []string
	for _, v := range list.Variants {
		if !slices.Contains(h.Barred, v.Name) && h.Apart[v.Name] == "" {
			names = append(names, v.Name)
		}
	}
	calm := l.account(t)
	want := story(calm)
	sets := map[string][]string{"all off": nil, "all on": names}
	for _, name := range names {
		sets[name+" alone"] = []string{name}
	}
	for name := range h.Apart {
		sets[name+" alone"] = []string{name}
	}
	for name, on := range sets {
		t.Run(name, func(t *testing.T) {
			b := l.account(t)
			for _, v := range on {
				b.control("POST", "variant", fmt.Sprintf(`{"name":%q,"on":true}`, v), nil)
			}
			got, want := story(b), want
			if slices.ContainsFunc(on, func(v string) bool { return slices.Contains(h.Pools, v) }) {
				got, want = b.pooled(), calm.pooled()
			}
			if got != want && !(len(on) == 1 && h.Apart[on[0]] != "") {
				t.Errorf("with %v:\n%s\nwithout:\n%s", on, got, want)
			}
		})
	}
}

// testDocuments holds every request and answer of the story against the
// vendor's own OpenAPI documents.
func testDocuments(t *testing.T, h Harness) {
	if h.Spec == nil {
		t.Log("the harness names no document")
		return
	}
	if _, ok := speccheck.Material(""); !ok {
		t.Skipf("%s is not set: it names the folder of vendor material", speccheck.MaterialVariable)
	}
	if len(h.Exceptions) > 15 {
		t.Errorf("%d exceptions, at most 15 are allowed", len(h.Exceptions))
	}
	b := newLab(t, h).account(t)
	story(b)
	specs := map[string]*speccheck.Spec{}
	judged := 0
	for _, x := range b.calls() {
		name := h.Spec(x.Method, x.URL)
		if name == "" {
			continue
		}
		if specs[name] == nil {
			path, _ := speccheck.Material(name)
			spec, err := speccheck.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			specs[name] = spec
		}
		judged++
		for _, fault := range specs[name].Check(x) {
			if !excepted(h, fault) {
				t.Errorf("%s: %s", name, fault)
			}
		}
	}
	if judged == 0 {
		t.Error("no call was judged by any document")
	}
}

func excepted(h Harness, fault string) bool {
	for part := range h.Exceptions {
		if strings.Contains(fault, part) {
			return true
		}
	}
	return false
}

// testSecrets lets a vendor quote the credentials in every way it answers, and
// looks for them in the errors and in the printed adapter.
func testSecrets(t *testing.T, h Harness) {
	for _, answer := range []struct {
		status int
		body   string
	}{
		{200, "<html>%s"}, {200, `{"id":"%s`}, {400, `{"error":{"message":"%s","code":"%s","type":"%s"}}`}, {401, `{"error":"%s"}`},
		{401, `{"error":{"message":"%s"}}`}, {422, `{"message":"%s","detail":"%s","title":"%s"}`}, {500, "%s"}, {302, "%s"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			quote := canaryKey + canarySecret + r.Header.Get("Authorization")
			w.Header().Set("Location", "http://127.0.0.1:1/"+canaryKey)
			w.Header().Set("Request-Id", quote)
			w.WriteHeader(answer.status)
			io.WriteString(w, strings.ReplaceAll(answer.body, "%s", quote))
		}))
		leaks(t, h, s.URL, fmt.Sprintf("status %d", answer.status))
		s.Close()
		leaks(t, h, s.URL, "no connection")
	}
}

func leaks(t *testing.T, h Harness, url, what string) {
	t.Helper()
	a, err := h.New(Access{URL: url, Key: canaryKey, Secrets: []string{canarySecret}, HTTP: quick()})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, lab: &lab{h: h}, key: canaryKey, now: core.Time(1_800_000_000_000_000), port: adapters.NewPort(a, adapters.Limits{Percent: 1_000_000})}
	b.links = adapters.Links{{Neutral: customerID, Role: adapters.RoleCustomer, Vendor: "vendor_1"}, {Neutral: adapters.SetupNeutral, Role: adapters.RoleMeter, Vendor: "vendor_2"}}
	errs := []error{b.port.Probe(t.Context()), b.port.Verify(adapters.Delivery{Header: http.Header{}}, b.now.Std())}
	for _, w := range writes(b) {
		_, err := w.send(t.Context(), b)
		errs = append(errs, err)
	}
	_, err = b.port.Customers(t.Context(), adapters.Page{})
	errs = append(errs, err)
	for _, customer := range []string{"", "vendor_1"} {
		_, err = b.port.Sweep(t.Context(), 0, customer, adapters.Page{})
		errs = append(errs, err)
	}
	for _, err := range errs {
		text := fmt.Sprintf("%v %+v %#v", err, err, adapters.AsError(err))
		if strings.Contains(text, canaryKey) || strings.Contains(text, canarySecret) || strings.Contains(text, "canary") {
			t.Errorf("%s: an error passes on a secret: %s", what, text)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", a, a, a); strings.Contains(text, "canary") {
		t.Errorf("the printed adapter shows a secret: %s", text)
	}
}
