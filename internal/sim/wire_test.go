package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"scrip/adapters/sandbox"
)

// box is a vendor: its sandbox, and what it has on its way to the gateway.
type box struct {
	w      *world
	name   string // of the connection
	server *sandbox.Server
	mu     sync.Mutex      // of mail, which the vendor sends by itself
	mail   []*letter       // attempts that wait for their fate, at most one by the vendor's order
	copies []*http.Request // of what was delivered, for repeats out of nowhere
}

// letter is one attempt of a vendor to deliver an event.
type letter struct {
	request *http.Request
	body    []byte
	answer  chan int // an HTTP status; 0 cuts the connection
}

func (w *world) openBoxes() {
	w.boxes = map[string]*box{}
	for _, name := range []string{"main", "next"} {
		b := &box{w: w, name: name}
		vendor := map[string]string{"main": "stripe", "next": "orb"}[name]
		b.server = vendors[vendor].box(sandbox.Options{
			Client: &http.Client{Transport: b}, PublicURL: "http://" + name + ".box", Seed: w.plan.seed, Tick: time.Hour,
		})
		w.boxes[name] = b
		if vendors[vendor].units {
			b.control("units", map[string]any{"units": []map[string]any{{"name": "gems"}}})
		}
		b.control("webhooks", map[string]any{"url": "http://gateway/v1/webhooks/" + name, "secret": hookKey})
	}
}

func (b *box) close() {
	for l := b.first(); l != nil; l = b.first() {
		b.drop(l)
		l.answer <- 0
	}
	b.server.Close()
}

// control calls the sandbox's control API; no body makes it a read.
func (b *box) control(call string, body any) (int, []byte) {
	method, raw := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		raw, _ = json.Marshal(body)
	}
	r := httptest.NewRequest(method, "http://"+b.name+".box/_sandbox/"+call, bytes.NewReader(raw))
	r.Header.Set("Authorization", "Bearer "+vendorKey)
	rec := httptest.NewRecorder()
	b.server.ServeHTTP(rec, r)
	return rec.Code, rec.Body.Bytes()
}

func (b *box) state() (state sandbox.State) {
	_, raw := b.control("state", nil)
	if err := json.Unmarshal(raw, &state); err != nil {
		b.w.fail("the state of %s cannot be read: %v", b.name, err)
	}
	return state
}

// RoundTrip carries a delivery of the vendor: it waits for its fate, which a
// step decides, or for the vendor to lose its patience.
func (b *box) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	l := &letter{request: r, body: body, answer: make(chan int, 1)}
	b.mu.Lock()
	b.mail = append(b.mail, l)
	b.mu.Unlock()
	select {
	case status := <-l.answer:
		if status == 0 {
			return nil, errCut
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	case <-r.Context().Done():
		b.drop(l)
		return nil, r.Context().Err()
	}
}

// first is the letter that has waited longest, or nil.
func (b *box) first() *letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mail) == 0 {
		return nil
	}
	return b.mail[0]
}

// drop takes a letter out of the mail.
func (b *box) drop(l *letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.mail {
		if b.mail[i] == l {
			b.mail = append(b.mail[:i:i], b.mail[i+1:]...)
			return
		}
	}
}

// settle decides what becomes of the letter that waits.
func (b *box) settle() {
	l := b.first()
	b.drop(l)
	w := b.w
	fate := w.dice.IntN(100)
	if w.calm || !w.plan.has("web") {
		fate = 99
	}
	switch {
	case fate < 10:
		w.say("%s: a delivery is lost on its way", b.name)
		l.answer <- 0
	case fate < 18:
		w.say("%s: a delivery arrives and its answer is lost", b.name)
		b.hand(l.request, l.body)
		l.answer <- 0
	case fate < 26:
		b.hand(l.request, l.body)
		l.answer <- b.hand(l.request, l.body)
	case fate < 30:
		b.forge(l)
		l.answer <- b.hand(l.request, l.body)
	default:
		if fate < 45 {
			b.copies = append(b.copies, again(l.request, l.body))
		}
		l.answer <- b.hand(l.request, l.body)
	}
	synctest.Wait()
}

// again is a request that can be sent once more.
func again(r *http.Request, body []byte) *http.Request {
	c := r.Clone(context.Background())
	c.Body = io.NopCloser(bytes.NewReader(body))
	c.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return c
}

// repeat delivers a copy of something that was delivered before, perhaps long
// ago, when its signature has grown old.
func (b *box) repeat() {
	if len(b.copies) == 0 {
		return
	}
	r := b.copies[b.w.dice.IntN(len(b.copies))]
	body, _ := r.GetBody()
	raw, _ := io.ReadAll(body)
	b.w.say("%s: a delivery of before comes again", b.name)
	b.hand(r, raw)
}

// forge delivers the body with a byte changed, which must be refused.
func (b *box) forge(l *letter) {
	raw := bytes.Clone(l.body)
	raw[len(raw)/2] ^= 1
	if status := b.hand(l.request, raw); status == http.StatusOK {
		b.w.fail("a forged delivery was accepted: %.300s", raw)
	}
}

// hand gives a delivery to the gateway and returns its answer, 0 when none came.
func (b *box) hand(r *http.Request, body []byte) int {
	w := b.w
	if w.proc.dead {
		return 0
	}
	p := w.proc
	c := httptest.NewRequest(http.MethodPost, r.URL.String(), bytes.NewReader(body))
	c.Header = r.Header.Clone()
	rec := httptest.NewRecorder()
	p.api().ServeHTTP(rec, c)
	status := rec.Code
	if p.dead {
		status = 0
	}
	w.say("%s delivers %s: %d", b.name, digest(body), status)
	if status == http.StatusOK {
		w.judge.acknowledged(b.name, body)
	}
	return status
}

// wire carries the calls of one life of the program to a vendor.
type wire struct {
	p          *process
	connection string
}

var errCut = errors.New("connection reset by peer")

// RoundTrip makes a call, or something goes wrong on the way.
func (n *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w := n.p.w
	body := []byte(nil)
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	if n.p.dead {
		return nil, errDead
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if w.plain || strings.HasSuffix(r.URL.Path, "/credit_balance_summary") { // several calls at once, of which nothing is drawn
		return answerOf(r, n.serve(r, body)), nil
	}
	synctest.Wait() // time may have passed in the caller's own waits
	fault := w.fault()
	w.say("%s: %s %s %s%s", n.connection, r.Method, r.URL.RequestURI(), digest(body), fault)
	switch fault {
	case cutBefore:
		return nil, errCut
	case busy:
		return answer(r, http.StatusTooManyRequests, http.Header{"Retry-After": {"2"}}, `{"error":{"message":"slow down"}}`), nil
	case downBefore:
		return answer(r, http.StatusInternalServerError, nil, `{"error":{"message":"down"}}`), nil
	}
	if w.chance("crash", 250) {
		n.p.die("before a call")
		return nil, errDead
	}
	rec := n.serve(r, body)
	synctest.Wait()
	if n.connection == "next" && r.Method == http.MethodPost {
		w.say("%.300s", body)
	}
	if rec.Code >= 400 {
		w.say("%s answers %d: %.300s to %.200s", n.connection, rec.Code, rec.Body, body)
	}
	if w.chance("crash", 250) {
		n.p.die("after a call")
		return nil, errDead
	}
	return n.back(r, rec, fault)
}

// back brings the answer of a call that had its effect.
func (n *wire) back(r *http.Request, rec *httptest.ResponseRecorder, fault string) (*http.Response, error) {
	w := n.p.w
	switch fault {
	case silence:
		<-r.Context().Done()
		synctest.Wait()
		return nil, r.Context().Err()
	case slow:
		w.sleep(time.Duration(1+w.dice.IntN(20)) * time.Second)
	case downAfter:
		return answer(r, http.StatusBadGateway, nil, `{"error":{"message":"down"}}`), nil
	case cutAfter:
		return nil, errCut
	case html:
		return answer(r, http.StatusOK, http.Header{"Content-Type": {"text/html"}}, "<html>maintenance</html>"), nil
	case short:
		raw := rec.Body.Bytes()
		return answer(r, rec.Code, rec.Header(), string(raw[:len(raw)/2])), nil
	}
	w.meanwhile(prepares(r))
	switch {
	case n.p.dead:
		return nil, errDead
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	}
	return answerOf(r, rec), nil
}

// prepares reports whether a call is of the preparation of a connection, which
// lets no other order of it pass meanwhile.
func prepares(r *http.Request) bool {
	for _, path := range []string{"/v1/billing/meters", "/v1/prices", "/v1/products"} {
		if r.URL.Path == path || strings.HasPrefix(r.URL.Path, path+"/") {
			return true
		}
	}
	return r.Method == http.MethodGet && r.URL.Query().Get("limit") == "1"
}

func (n *wire) serve(r *http.Request, body []byte) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	c := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body))
	c.Header = r.Header.Clone()
	n.p.w.boxes[n.connection].server.ServeHTTP(rec, c)
	return rec
}

func answerOf(r *http.Request, rec *httptest.ResponseRecorder) *http.Response {
	return answer(r, rec.Code, rec.Header(), rec.Body.String())
}

func answer(r *http.Request, status int, header http.Header, body string) *http.Response {
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// The faults of a call.
const (
	none       = ""
	busy       = ", 429"
	downBefore = ", 500 and no effect"
	cutBefore  = ", cut before it"
	downAfter  = ", 502 after the effect"
	cutAfter   = ", cut after the effect"
	silence    = ", no answer after the effect"
	slow       = ", slow"
	html       = ", a page after the effect"
	short      = ", cut short after the effect"
)

// fault draws what goes wrong with a call.
func (w *world) fault() string {
	draw := w.dice.IntN(100)
	if w.calm || !w.plan.has("vendor") {
		return none
	}
	kinds := []string{busy, downBefore, cutBefore, downAfter, downAfter, cutAfter, cutAfter, silence, slow, html, short}
	if draw < len(kinds) {
		return kinds[draw]
	}
	return none
}

// digest is a short name of a body.
func digest(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	h := fnv.New64a()
	_, _ = h.Write(body)
	return fmt.Sprintf("%08x", uint32(h.Sum64()))
}
