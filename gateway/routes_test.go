package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/core"
)

// scopes is the whole surface. A route that is new or changes its scope must
// be written here on purpose.
const scopes = `
DELETE /v1/customers/{id} write
DELETE /v1/customers/{id}/subscription write
DELETE /v1/keys/{id} admin
DELETE /v1/webhook-endpoints/{id} admin
GET /healthz public
GET /metrics public
GET /openapi.json public
GET /readyz public
GET /v1/actions public
GET /v1/connections read
GET /v1/customers read
GET /v1/customers/{id} read
GET /v1/customers/{id}/balance read
GET /v1/customers/{id}/entries read
GET /v1/customers/{id}/grants read
GET /v1/customers/{id}/holds read
GET /v1/customers/{id}/settings read
GET /v1/customers/{id}/subscription read
GET /v1/feed read
GET /v1/holds/{id} read
GET /v1/inbox read
GET /v1/inbox/{id} read
GET /v1/keys admin
GET /v1/migrations read
GET /v1/notices read
GET /v1/outbox read
GET /v1/outbox/{id} read
GET /v1/periods read
GET /v1/purchases/{id} read
GET /v1/reconciliations/{id} read
GET /v1/reconciliations/{id}/findings read
GET /v1/reports/{name} read
GET /v1/webhook-endpoints admin
GET /v1/webhook-endpoints/{id} admin
GET /v1/webhook-endpoints/{id}/deliveries admin
POST /v1/customers/{id}/grants write
POST /v1/customers/{id}/portal-links write
POST /v1/customers/{id}/purchases write
POST /v1/customers/{id}/subscription/payments write
POST /v1/debits write
POST /v1/debits/batch write
POST /v1/debits/{id}/reverse write
POST /v1/grants/{id}/void write
POST /v1/holds write
POST /v1/holds/{id}/capture write
POST /v1/holds/{id}/release write
POST /v1/inbox/{id}/replay write
POST /v1/keys admin
POST /v1/migrations/{id}/pause admin
POST /v1/migrations/{id}/resume admin
POST /v1/migrations/{id}/rollback admin
POST /v1/outbox/{id}/park write
POST /v1/outbox/{id}/retry write
POST /v1/periods admin
POST /v1/purchases/{id}/refund write
POST /v1/quotes read
POST /v1/reconciliations write
POST /v1/test-clock admin
POST /v1/webhook-endpoints admin
POST /v1/webhook-endpoints/{id}/resend admin
POST /v1/webhook-endpoints/{id}/rotate admin
POST /v1/webhook-endpoints/{id}/test admin
POST /v1/webhooks/{connection} public
PUT /v1/customers/{id} write
PUT /v1/customers/{id}/settings write
PUT /v1/customers/{id}/subscription write
`

func TestAP09EveryRouteHasItsScope(t *testing.T) {
	w := newWorld(t)
	var got []string
	for _, p := range w.g.router.patterns() {
		got = append(got, p+" "+w.g.router.need[p].String())
	}
	if want := strings.TrimSpace(scopes); strings.Join(got, "\n") != want {
		t.Errorf("the routes are\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	keys := map[access]string{0: "", read: w.key("read"), write: w.key("write"), admin: w.key("admin")}
	for _, pattern := range w.g.router.patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{id}", "x", "{name}", "x", "{connection}", "x").Replace(path)
		need := w.g.router.need[pattern]
		for has, key := range keys {
			auth := ""
			if key != "" {
				auth = "Bearer " + key
			}
			a := w.call(method, path, "", "Authorization", auth)
			switch {
			case need == public || has >= need:
				if a.status == 401 || a.status == 403 {
					t.Errorf("%s refuses a key of scope %s: %s", pattern, has, a.raw)
				}
			case key == "":
				a.refused(401, core.CodeUnauthorized, "")
			default:
				a.refused(403, core.CodeForbidden, "")
			}
		}
	}
}

func TestAP09RouteWithoutScopeCannotBeMounted(t *testing.T) {
	g := build(Options{})
	for name, mount := range map[string]func(){
		"zero scope":       func() { g.router.raw(0, "GET /v1/zero", http.NotFoundHandler()) },
		"unknown scope":    func() { g.router.raw(admin+1, "GET /v1/more", http.NotFoundHandler()) },
		"past the declare": func() { g.router.HandleFunc("GET /v1/bare", http.NotFound) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the route was mounted")
				}
			}()
			mount()
		})
	}
}

func TestReservedCallsSayNotSupported(t *testing.T) {
	w := newWorld(t)
	for _, l := range later() {
		method, path, _ := strings.Cut(l.pattern, " ")
		w.call(method, strings.NewReplacer("{id}", "x", "{name}", "x").Replace(path), "").refused(422, core.CodeNotSupported, "")
	}
}

func TestAP08Keys(t *testing.T) {
	w := newWorld(t)
	key := w.key("read")
	w.call("GET", "/v1/customers", "", "Authorization", "bearer "+key).ok(200)
	var bodies []string
	for name, r := range map[string]*http.Request{
		"missing":         request("GET", "/v1/customers"),
		"empty":           request("GET", "/v1/customers", "Authorization", "Bearer "),
		"other scheme":    request("GET", "/v1/customers", "Authorization", "Basic "+key),
		"no scheme":       request("GET", "/v1/customers", "Authorization", key),
		"wrong":           request("GET", "/v1/customers", "Authorization", "Bearer "+key+"x"),
		"hash of the key": request("GET", "/v1/customers", "Authorization", "Bearer 0000000000000000000000000000000000000000000000000000000000000000"),
		"huge":            request("GET", "/v1/customers", "Authorization", "Bearer "+strings.Repeat("k", 5000)),
		"twice":           request("GET", "/v1/customers", "Authorization", "Bearer "+key, "Authorization", "Bearer "+key),
		"in the query":    request("GET", "/v1/customers?key="+key+"&access_token="+key),
		"in a cookie":     request("GET", "/v1/customers", "Cookie", "Authorization="+key),
	} {
		r.Header.Set("X-Request-Id", "same")
		a := w.send(r, "").refused(401, core.CodeUnauthorized, "")
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
		bodies = append(bodies, a.raw)
	}
	for _, b := range bodies {
		if b != bodies[0] {
			t.Errorf("two bodies for one refusal: %s and %s", b, bodies[0])
		}
	}
}

// request makes one with headers that may repeat.
func request(method, path string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestAP08KeysAreMadeShownOnceAndRevoked(t *testing.T) {
	w := newWorld(t)
	made := w.call("POST", "/v1/keys", `{"name":"app","scope":"write"}`).ok(200).want("scope", "write", "name", "app")
	key, id := made.text("key"), made.text("id")
	if !strings.HasPrefix(key, "scrip_") || len(key) != 6+52 {
		t.Fatalf("key %q", key)
	}
	l := w.call("GET", "/v1/keys", "").ok(200)
	if strings.Contains(l.raw, key) || l.text("data", 0, "id") != id {
		t.Errorf("the list of keys: %s", l.raw)
	}
	w.call("PUT", "/v1/customers/ann", `{}`, "Authorization", "Bearer "+key).ok(200)
	w.call("DELETE", "/v1/keys/"+id, "").ok(200)
	w.call("PUT", "/v1/customers/ann", `{}`, "Authorization", "Bearer "+key).refused(401, core.CodeUnauthorized, "")
	w.call("DELETE", "/v1/keys/"+id, "").refused(404, core.CodeNotFound, "")
	if l := w.call("GET", "/v1/keys", "").ok(200); len(l.list("data")) != 0 {
		t.Errorf("a revoked key is listed: %s", l.raw)
	}
	w.call("POST", "/v1/keys", `{"scope":"root"}`).refused(422, core.CodeInvalid, "scope")
	w.call("POST", "/v1/keys", `{}`).refused(422, core.CodeInvalid, "scope")
}

func TestUnroutedPaths(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/nothing", "/v1//customers", "/v1/customers/", "/v1/customers/../keys", "/v1/customers/%2e%2e/keys", "/v1/../openapi.json", "/V1/customers"} {
		w.call("GET", path, "").refused(404, core.CodeNotFound, "")
	}
	a := w.call("PATCH", "/v1/customers/ann", `{}`).refused(405, core.CodeMalformed, "")
	if allow := a.header.Get("Allow"); !strings.Contains(allow, "PUT") || !strings.Contains(allow, "GET") {
		t.Errorf("Allow is %q", allow)
	}
}

func TestAP14Headers(t *testing.T) {
	w := newWorld(t)
	a := w.call("GET", "/v1/customers", "", "Origin", "https://evil.example", "X-Request-Id", "abc-1.2_3").ok(200)
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Request-Id": "abc-1.2_3",
		"Access-Control-Allow-Origin": "", "Set-Cookie": "", "Server": "",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"a b", "x\x7f", strings.Repeat("i", 65), "<script>"} {
		if got := w.call("GET", "/healthz", "", "X-Request-Id", bad).ok(200).header.Get("X-Request-Id"); got == bad || got == "" {
			t.Errorf("request id %q was answered by %q", bad, got)
		}
	}
	w.call("OPTIONS", "/v1/customers", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "PUT").refused(405, core.CodeMalformed, "")
}

func TestAP13ServerBounds(t *testing.T) {
	s := NewServer(http.NotFoundHandler(), "127.0.0.1:0")
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("a wait of the server is not bounded: %+v", s)
	}
}
