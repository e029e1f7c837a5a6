package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// Between two apps requests wait, those that were let in are answered first,
// and nobody waits for ever.
func TestFrontHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront()
		slow := make(chan struct{})
		named := func(name string, wait <-chan struct{}) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				<-wait
				_, _ = w.Write([]byte(name))
			})
		}
		ask := func(ctx context.Context) <-chan string {
			got := make(chan string, 1)
			go func() {
				w := httptest.NewRecorder()
				f.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
				got <- w.Body.String()
			}()
			return got
		}
		f.open(named("first", slow))
		inside := ask(t.Context())
		synctest.Wait()
		shut := make(chan struct{})
		go func() { f.shut(); close(shut) }()
		synctest.Wait()
		waiting := ask(t.Context())
		gone, cancel := context.WithCancel(t.Context())
		left := ask(gone)
		cancel()
		synctest.Wait()
		select {
		case <-shut:
			t.Error("it does not wait for a request inside")
		case got := <-waiting:
			t.Errorf("a request between two apps was answered %q", got)
		default:
		}
		close(slow)
		<-shut
		f.open(named("second", slow))
		if one, two := <-inside, <-waiting; one != "first" || two != "second" {
			t.Errorf("answered %q and %q", one, two)
		}
		if got := <-left; got == "first" || got == "second" {
			t.Errorf("who has left was answered %q", got)
		}
		f.shut()
		begun := time.Now()
		if got := <-ask(t.Context()); time.Since(begun) != frontWait || got == "second" {
			t.Errorf("without an app it answers %q after %s", got, time.Since(begun))
		}
	})
}
