package webhooks

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/adapters"
	"scrip/core/ledger"
)

func TestWH01Duplicates(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	body := raw(paid("evt_1", p))
	var wg conc.WaitGroup
	codes := make([]int, 50)
	for i := range codes {
		wg.Go(func() { codes[i] = w.post("main", "good", body).Code })
	}
	wg.Wait()
	for _, code := range codes {
		if code != 200 {
			t.Fatalf("codes %v", codes)
		}
	}
	w.drain()
	if rec := w.post("main", "good", body); rec.Code != 200 {
		t.Errorf("redelivery answered %d", rec.Code)
	}
	w.drain()
	if list := w.events(); len(list) != 1 || list[0].State != ledger.Applied || w.balance() != 1000_00 {
		t.Errorf("%d rows, the first %s, balance %d", len(list), list[0].State, w.balance())
	}
	if w.kicks.Load() != 51 {
		t.Errorf("%d kicks", w.kicks.Load())
	}
}

// TestSameIDOtherContent: the first content stays, another one is kept beside
// it for a person, and one that means the same is no second row.
func TestSameIDOtherContent(t *testing.T) {
	w := newWorld(t)
	x := wire{ID: "evt_1", Type: "a", Kind: adapters.SystemEvent}
	w.deliver(x)
	x.Noise = "rendered again"
	w.deliver(x)
	if n := len(w.events()); n != 1 {
		t.Fatalf("%d rows for one meaning", n)
	}
	x.Type = "b"
	w.deliver(x)
	w.deliver(x)
	list := w.events()
	if len(list) != 2 || list[0].Type != "a" || list[1].State != ledger.Parked || !strings.Contains(list[1].Reason, string(list[0].ID)) {
		t.Errorf("rows %+v", list)
	}
}

func TestWH05Bodies(t *testing.T) {
	w := newWorld(t)
	fill := func(n int) []byte {
		head := `{"id":"evt_1","noise":"`
		return []byte(head + strings.Repeat("x", n-len(head)-2) + `"}`)
	}
	for _, c := range []struct {
		name     string
		body     []byte
		declared int64
		encoding string
		want     int
	}{
		{"at the limit", fill(1 << 20), 0, "", 200},
		{"above it", fill(1<<20 + 1), 0, "", 413},
		{"above it, unsaid", fill(10 << 20), -1, "", 413},
		{"100 MB declared", nil, 100 << 20, "", 413},
		{"gzip", []byte("x"), 0, "gzip", 415},
		{"nested gzip", []byte("x"), 0, "gzip, gzip", 415},
		{"identity", fill(100), 0, "identity", 200},
		{"deep nesting", []byte(strings.Repeat("[", 1<<19)), 0, "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/v1/webhooks/main", bytes.NewReader(c.body))
			if c.declared != 0 {
				r.ContentLength = c.declared
			}
			r.Header.Set("Signature", "good")
			if c.encoding != "" {
				r.Header.Set("Content-Encoding", c.encoding)
			}
			rec := httptest.NewRecorder()
			w.mux.ServeHTTP(rec, r)
			if rec.Code != c.want {
				t.Errorf("answered %d, want %d", rec.Code, c.want)
			}
		})
	}
}

func TestWH07Requests(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"GET", "PUT", "DELETE", "HEAD"} {
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, httptest.NewRequest(method, "/v1/webhooks/main", nil))
		if rec.Code != 405 || rec.Header().Get("Allow") != "POST" {
			t.Errorf("%s answered %d, allow %q", method, rec.Code, rec.Header().Get("Allow"))
		}
	}
	for i, kind := range []string{"application/x-www-form-urlencoded", "text/plain; charset=utf-16", "multipart/form-data; boundary=x", ""} {
		body := raw(wire{ID: fmt.Sprintf("evt_%d", i), Type: "a"})
		r := httptest.NewRequest(http.MethodPost, "/v1/webhooks/main", bytes.NewReader(body))
		r.Header.Set("Signature", "good")
		r.Header.Set("Content-Type", kind)
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, r)
		if rec.Code != 200 || !bytes.Equal(w.last().Body, body) {
			t.Errorf("%q answered %d, stored %q", kind, rec.Code, w.last().Body)
		}
	}
}

// TestWH06SlowSender: a body that stalls ends the connection at the limit,
// and holds up nobody else.
func TestWH06SlowSender(t *testing.T) {
	w := newWorld(t)
	slow := &receiver{w.worker.o, 200 * time.Millisecond, newVerified(w.worker.o), newRefusals(w.worker.o)}
	mux := http.NewServeMux()
	mux.Handle("/v1/webhooks/{connection}", slow)
	server := httptest.NewServer(mux)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	w.must(err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/webhooks/main HTTP/1.1\r\nHost: x\r\nSignature: good\r\nContent-Length: 100\r\n\r\n{\"id\"")
	w.must(err)
	w.deliver(wire{ID: "evt_1"})
	w.must(conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
	answer, err := io.ReadAll(conn) // ends when the server closes
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
		t.Errorf("answered %q, %v", answer, err)
	}
	if n := len(w.events()); n != 1 {
		t.Errorf("%d events", n)
	}
}

// TestWH09WH15OneAnswer: whatever is wrong with a delivery, and whether the
// connection exists, the answer is the same and nothing is stored.
func TestWH09WH15OneAnswer(t *testing.T) {
	w := newWorld(t)
	body := raw(wire{ID: "evt_1", Type: "a"})
	first := w.post("main", "bad", body)
	if first.Code != 401 {
		t.Fatalf("answered %d", first.Code)
	}
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"no signature": w.post("main", "", body), "another's": w.post("live", "good", body),
		"unknown": w.post("nobody", "good", body), "odd name": w.post("%2e%2e", "good", body),
	} {
		if rec.Code != first.Code || rec.Body.String() != first.Body.String() {
			t.Errorf("%s answered %d %q, want %d %q", name, rec.Code, rec.Body, first.Code, first.Body)
		}
	}
	if n := len(w.events()); n != 0 || w.kicks.Load() != 0 {
		t.Errorf("%d events were stored, %d kicks", n, w.kicks.Load())
	}
}

// TestCR03Unavailable: what could not be stored is not acknowledged.
func TestCR03Unavailable(t *testing.T) {
	w := newWorld(t)
	w.store.off.Store(true)
	rec := w.post("main", "good", raw(wire{ID: "evt_1"}))
	if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d, retry after %q", rec.Code, rec.Header().Get("Retry-After"))
	}
	w.store.off.Store(false)
	w.deliver(wire{ID: "evt_1"})
	if n := len(w.events()); n != 1 {
		t.Errorf("%d events", n)
	}
}

// TestDB06OddText: text that databases refuse is never stored as an id or type.
func TestDB06OddText(t *testing.T) {
	w := newWorld(t)
	for _, body := range [][]byte{
		raw(wire{ID: "evt\x00", Type: "a\x00b"}), raw(wire{ID: strings.Repeat("x", 300)}), raw(wire{ID: "évt"}),
		[]byte(`{"id":"\ud800","type":"\ud800"}`), []byte("\x00\xff"), {},
	} {
		if rec := w.post("main", "good", body); rec.Code != 200 {
			t.Errorf("%q answered %d", body, rec.Code)
		}
		if e := w.last(); len(e.VendorID) != 64 || strings.ContainsAny(e.Type, "\x00") {
			t.Errorf("stored as %q, type %q", e.VendorID, e.Type)
		}
	}
	w.drain()
}

func TestWH03Backfill(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	w.deliver(wire{ID: "evt_1", Type: "a", Kind: adapters.SystemEvent})
	lost := paid("evt_2", p)
	w.vendor.pages = [][][]byte{
		{raw(wire{ID: "evt_1", Type: "a", Kind: adapters.SystemEvent, Noise: "listed"})}, {raw(lost)}, {},
	}
	for want := range []int{1, 0} {
		want = 1 - want
		if n, err := w.worker.Backfill(w.ctx, "main", 0); err != nil || n != want {
			t.Errorf("added %d, %v, want %d", n, err, want)
		}
	}
	w.deliver(lost) // late
	w.drain()
	if n := len(w.events()); n != 2 || w.balance() != 1000_00 {
		t.Errorf("%d rows, balance %d", n, w.balance())
	}
	w.vendor.circle = true
	if _, err := w.worker.Backfill(w.ctx, "main", 0); err == nil {
		t.Error("a list without an end is no error")
	}
	if _, err := w.worker.Backfill(w.ctx, "nobody", 0); err == nil {
		t.Error("an unknown connection is no error")
	}
}
