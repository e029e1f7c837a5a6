package sandbox

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

const (
	algoSetting   = "algo"   // setting of an endpoint: hmac or jwt
	issuerSetting = "issuer" // setting of an endpoint: what a token names as its issuer
	nameSetting   = "name"
	timeSetting   = "created_at"
	hmacAlgo      = "hmac"
	jwtAlgo       = "jwt"
	mostEndpoints = 10
	keyBits       = 2048
)

// notice is a webhook that is written when the work is done, so that it shows
// the state at that time.
type notice struct {
	typ, object string
	render      func() obj
}

// tell plans a webhook.
func (w *world) tell(typ, object string, render func() obj) {
	w.notes = append(w.notes, notice{typ, object, render})
}

// flush sends what was planned: a delivery of its own, with an id of its own,
// for each endpoint.
func (w *world) flush() {
	for _, n := range w.notes {
		body, err := json.Marshal(obj{"webhook_type": n.typ, "object_type": n.object, "organization_id": w.organization(), n.object: n.render()})
		if err != nil {
			continue
		}
		for _, to := range w.a.Endpoints() {
			w.a.Emit(w.uuid(), n.typ, func(ep sandbox.Endpoint) ([]byte, bool) {
				return body, ep.ID == to.ID && (len(ep.Types) == 0 || slices.Contains(ep.Types, "*") || slices.Contains(ep.Types, n.typ))
			})
		}
	}
	w.notes = nil
}

// endpointAdded completes an endpoint of the control API. A secret is the key
// of the organization, so it is every endpoint's from then on.
func endpointAdded(a *sandbox.Account, ep *sandbox.Endpoint) error {
	w := worldOf(a)
	if ep.Settings[algoSetting] == "" {
		ep.Settings[algoSetting] = jwtAlgo
		if len(ep.Secrets) > 0 {
			ep.Settings[algoSetting] = hmacAlgo
		}
	}
	if len(ep.Secrets) > 0 {
		w.st.Key = ep.Secrets[0]
		for _, other := range a.Endpoints() {
			if other.Settings[algoSetting] == hmacAlgo {
				other.Secrets = []string{w.st.Key}
			}
		}
	}
	return w.complete(ep)
}

// complete gives an endpoint its id and the key it signs with.
func (w *world) complete(ep *sandbox.Endpoint) error {
	ep.ID = w.uuid()
	ep.Settings[timeSetting] = instant(w.now)
	if ep.Settings[issuerSetting] == "" {
		ep.Settings[issuerSetting] = w.a.BaseURL()
	}
	return w.arm(ep)
}

// arm gives an endpoint the key that its algorithm asks for.
func (w *world) arm(ep *sandbox.Endpoint) error {
	switch ep.Settings[algoSetting] {
	case hmacAlgo:
		if w.st.Key == "" {
			w.st.Key = uuidOf("hmac " + w.a.ID())
		}
		ep.Secrets = []string{w.st.Key}
	case jwtAlgo:
		if err := w.makeKey(); err != nil {
			return err
		}
		ep.Secrets = []string{w.st.PrivateKey}
	default:
		return refusal(http.StatusBadRequest, "algo %q is unknown; use hmac or jwt", ep.Settings[algoSetting])
	}
	return nil
}

// makeKey makes the organization's key pair, once.
func (w *world) makeKey() error {
	if w.st.PrivateKey != "" {
		return nil
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	w.st.PrivateKey = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return nil
}

func privateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the endpoint has no private key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the endpoint's key is not an RSA key")
	}
	return private, nil
}

// publicKey is the public key in base64, a line of 60 characters at a time.
func publicKey(c *call) (string, error) {
	if err := c.makeKey(); err != nil {
		return "", err
	}
	key, err := privateKey(c.st.PrivateKey)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", err
	}
	text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	var out strings.Builder
	for line := range slices.Chunk([]byte(text), 60) {
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.String(), nil
}

func jsonPublicKey(c *call) (any, error) {
	key, err := publicKey(c)
	return obj{"webhook": obj{"public_key": key}}, err
}

func textPublicKey(c *call) (any, error) {
	key, err := publicKey(c)
	return sandbox.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: []byte(key)}, err
}

// sign writes the headers of one attempt. The key of a delivery is the same on
// each attempt and another for each endpoint; no time is told.
func sign(ep sandbox.Endpoint, m sandbox.Message) http.Header {
	algo := ep.Settings[algoSetting]
	signature := ""
	if len(ep.Secrets) > 0 && algo == hmacAlgo {
		mac := hmac.New(sha256.New, []byte(ep.Secrets[0]))
		mac.Write(m.Body)
		signature = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	if len(ep.Secrets) > 0 && algo == jwtAlgo {
		signature = token(ep.Secrets[0], ep.Settings[issuerSetting], m.Body)
	}
	return http.Header{
		"X-Lago-Signature": {signature}, "X-Lago-Signature-Algorithm": {algo}, "X-Lago-Unique-Key": {m.Event},
		"Content-Type": {"application/json"},
	}
}

// token is a compact signature that carries the body as a text.
func token(key, issuer string, body []byte) string {
	private, err := privateKey(key)
	if err != nil {
		return ""
	}
	claims, err := json.Marshal(map[string]string{"data": string(body), "iss": issuer})
	if err != nil {
		return ""
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:])
	if err != nil {
		return ""
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// retry allows three attempts; a receiver that is away for longer loses events.
func retry(attempts int) (time.Duration, bool) {
	const all = 3
	n := time.Duration(attempts)
	return (n*n*n*n + 2) * time.Second, attempts < all
}

// accepts says which answers take a delivery.
func accepts(a *sandbox.Account, status int) bool {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return true
	}
	return a.Variant(any2xx) && status/100 == 2
}

// createEndpoint registers a receiver by the API.
func createEndpoint(c *call) (any, error) {
	p, err := c.root("webhook_endpoint")
	if err != nil {
		return nil, err
	}
	if len(c.a.Endpoints()) >= mostEndpoints {
		return nil, invalid("base", "exceeded_limit")
	}
	ep := &sandbox.Endpoint{Settings: map[string]string{algoSetting: jwtAlgo}}
	if err := c.readEndpoint(ep, p); err != nil {
		return nil, err
	}
	if err := c.complete(ep); err != nil {
		return nil, err
	}
	if err := c.a.AddEndpoint(ep); err != nil {
		return nil, invalid("base", "exceeded_limit")
	}
	return obj{"webhook_endpoint": c.renderEndpoint(ep)}, nil
}

// readEndpoint takes over what a request says of an endpoint.
func (c *call) readEndpoint(ep *sandbox.Endpoint, p params) error {
	f := faults{}
	if p.has("webhook_url") || ep.URL == "" {
		ep.URL = p.word("webhook_url")
	}
	if u, err := url.Parse(ep.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f.add("webhook_url", "url_invalid")
	}
	if slices.ContainsFunc(c.a.Endpoints(), func(o *sandbox.Endpoint) bool { return o.URL == ep.URL && o != ep }) {
		f.add("webhook_url", "value_already_exist")
	}
	if p.given("signature_algo") {
		ep.Settings[algoSetting] = p.word("signature_algo")
	}
	if algo := ep.Settings[algoSetting]; algo != hmacAlgo && algo != jwtAlgo {
		f.add("signature_algo", "value_is_invalid")
	}
	if p.has("name") {
		ep.Settings[nameSetting] = p.word("name")
	}
	if p.has("event_types") {
		ep.Types = p.words("event_types")
	}
	if slices.ContainsFunc(ep.Types, func(t string) bool { return t != "*" && !slices.Contains(eventTypes(), t) }) {
		f.add("event_types", "invalid_types")
	}
	return f.problem()
}

// eventTypes are those that the sandbox sends, and the name under which refund
// failures are subscribed to, which no event has.
func eventTypes() []string {
	return []string{
		"wallet.created", "wallet.updated", "wallet.terminated", "wallet.depleted_ongoing_balance", "wallet_transaction.created",
		"wallet_transaction.updated", "wallet_transaction.payment_failure", "invoice.created", "invoice.one_off_created",
		"invoice.paid_credit_added", "invoice.drafted", "invoice.voided", "invoice.payment_status_updated", "invoice.payment_failure",
		"invoice.payment_dispute_lost", "payment.succeeded", "subscription.started", "subscription.updated", "subscription.terminated",
		"subscription.usage_threshold_reached", "events.errors", "fee.created", "customer.created", "customer.updated", "credit_note.created",
		"credit_note.provider_refund_failure",
	}
}

func (c *call) endpointOf() (*sandbox.Endpoint, error) {
	list := c.a.Endpoints()
	i := slices.IndexFunc(list, func(ep *sandbox.Endpoint) bool { return ep.ID == c.Path("endpoint_id") })
	if i < 0 {
		return nil, missing("webhook_endpoint")
	}
	return list[i], nil
}

func getEndpoint(c *call) (any, error) {
	ep, err := c.endpointOf()
	if err != nil {
		return nil, err
	}
	return obj{"webhook_endpoint": c.renderEndpoint(ep)}, nil
}

func updateEndpoint(c *call) (any, error) {
	ep, err := c.endpointOf()
	if err != nil {
		return nil, err
	}
	p, err := c.root("webhook_endpoint")
	if err != nil {
		return nil, err
	}
	next := *ep
	next.Settings = map[string]string{}
	for k, v := range ep.Settings {
		next.Settings[k] = v
	}
	next.URL = ""
	if !p.has("webhook_url") {
		next.URL = ep.URL + "#" // its own address is not taken by another
	}
	if err := c.readEndpoint(&next, p); err != nil {
		return nil, err
	}
	next.URL = strings.TrimSuffix(next.URL, "#")
	if err := c.arm(&next); err != nil {
		return nil, err
	}
	*ep = next
	return obj{"webhook_endpoint": c.renderEndpoint(ep)}, nil
}

func deleteEndpoint(c *call) (any, error) {
	ep, err := c.endpointOf()
	if err != nil {
		return nil, err
	}
	c.a.RemoveEndpoint(ep.ID)
	return obj{"webhook_endpoint": c.renderEndpoint(ep)}, nil
}

func listEndpoints(c *call) (any, error) {
	return page(c, "webhook_endpoints", c.a.Endpoints(), func(*sandbox.Endpoint) bool { return true }, c.renderEndpoint)
}

func (c *call) renderEndpoint(ep *sandbox.Endpoint) obj {
	out := obj{
		"lago_id": ep.ID, "lago_organization_id": c.organization(), "webhook_url": ep.URL, "signature_algo": ep.Settings[algoSetting],
		"name": textOf(ep.Settings[nameSetting]), "event_types": nil, "created_at": ep.Settings[timeSetting],
	}
	if len(ep.Types) > 0 {
		out["event_types"] = ep.Types
	}
	return out
}
