package sandbox_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"scrip/adapters/sandbox/sandboxtest"
)

// TestStories: which events a change sends, and with what state.
func TestStories(t *testing.T) {
	c := startAt(t, outset)
	in := c.receive("")
	news := func(what, want string) []sandboxtest.Answer {
		t.Helper()
		got := in.News(c.Client)
		if types(got) != want {
			t.Errorf("%s sent %q, want %q", what, types(got), want)
		}
		return got
	}
	c.customer("a", "")
	news("a customer", "customer.created")
	c.customer("a", "")
	news("a change of it", "customer.updated")
	w := c.wallet(`"granted_credits":"5"`)
	made := news("a wallet", "wallet.created wallet_transaction.created wallet.updated")
	c.Equal(made[0], "wallet.balance_cents", "0")
	c.Equal(made[1], "wallet_transaction.wallet.balance_cents", "500")
	c.Equal(made[2], "wallet.balance_cents", "500")
	txn := c.move(w, `"paid_credits":"3"`).Text("wallet_transactions.0.lago_id")
	bought := news("a purchase", "wallet_transaction.created invoice.paid_credit_added")
	c.Equal(bought[0], "wallet_transaction.lago_invoice_id", "")
	c.Control("pay", `{"object":"`+txn+`","outcome":"failed"}`)
	news("a failed payment", "wallet_transaction.updated wallet_transaction.payment_failure invoice.payment_failure invoice.payment_status_updated")
	c.Control("pay", `{"object":"`+txn+`","outcome":"paid"}`)
	news("a payment", "wallet.updated wallet_transaction.updated invoice.payment_status_updated payment.succeeded")
	c.move(w, `"voided_credits":"1"`)
	news("a void", "wallet_transaction.created wallet.updated")
	txn = c.move(w, `"paid_credits":"3","invoice_requires_successful_payment":true`).Text("wallet_transactions.0.lago_id")
	news("a purchase that has to be paid first", "wallet_transaction.created")
	c.Control("pay", `{"object":"`+txn+`","outcome":"failed"}`)
	news("its failed payment", "wallet_transaction.updated wallet_transaction.payment_failure")
	c.Control("pay", `{"object":"`+txn+`","outcome":"paid"}`)
	news("its payment", "invoice.paid_credit_added wallet.updated wallet_transaction.updated invoice.payment_status_updated payment.succeeded")
	c.Control("pay", `{"object":"`+txn+`","outcome":"disputed"}`)
	c.Equal(news("a lost dispute", "invoice.payment_dispute_lost")[0], "payment_dispute_lost.payment_dispute_lost_at", outset)
	c.Variant("dispute_nested")
	c.Control("pay", `{"object":"`+txn+`","outcome":"disputed"}`)
	c.Equal(news("another", "invoice.payment_dispute_lost")[0], "payment_dispute_lost.invoice.payment_dispute_lost_at", outset)
	c.Control("pay", `{"object":"`+txn+`","outcome":"refunded"}`)
	news("a refund", "wallet_transaction.created wallet.updated credit_note.created")
	c.Want(200, "PUT", api+"/wallets/"+w, `{"wallet":{"name":"X"}}`)
	news("an update", "wallet.updated")
	c.Control("mutate", `{"object":"wallet","id":"`+w+`","op":"set","fields":{"balance_cents":1},"webhook":true}`)
	c.Equal(news("a change behind the API's back", "wallet.updated")[0], "wallet.balance_cents", "1")
	c.Want(200, "DELETE", api+"/wallets/"+w, "")
	news("an end", "wallet.terminated")
	c.Want(200, "DELETE", api+"/wallets/"+w, "")
	news("a second end", "")
}

// TestDeliveries: three attempts, only some answers count, and a delivery has
// its own key.
func TestDeliveries(t *testing.T) {
	for status, delivered := range map[int]bool{200: true, 201: true, 202: true, 204: true, 203: false, 206: false, 302: false, 400: false, 500: false} {
		c := startAt(t, outset)
		in := sandboxtest.Receive(t, func(int) int { return status })
		c.Control("webhooks", `{"url":"`+in.URL+`","secret":"`+secret+`"}`)
		c.customer("a", "")
		for range 4 {
			c.Control("deliver", "")
		}
		got := c.Get("/_sandbox/webhooks")
		state, n := "delivered", 1
		if !delivered {
			state, n = "failed", 3
		}
		if got.Text("deliveries.0.state") != state || len(in.All()) != n {
			t.Errorf("%d: %s after %d attempts", status, got.Text("deliveries.0.state"), len(in.All()))
		}
		for _, one := range in.All() {
			if key := one.Header.Get("X-Lago-Unique-Key"); len(key) != 36 || key != in.All()[0].Header.Get("X-Lago-Unique-Key") {
				t.Errorf("an attempt has key %q", key)
			}
		}
	}
	c := startAt(t, outset)
	c.Variant("any_2xx_delivers")
	in := sandboxtest.Receive(t, func(int) int { return http.StatusPartialContent })
	c.Control("webhooks", `{"url":"`+in.URL+`","secret":"`+secret+`"}`)
	c.customer("a", "")
	c.Settle()
	if got := c.Get("/_sandbox/webhooks").Text("deliveries.0.state"); got != "delivered" {
		t.Errorf("206 is %s", got)
	}
}

// TestEndpoints: made by the API, with a key of the organization's that only
// its app shows, and with a filter.
func TestEndpoints(t *testing.T) {
	c := startAt(t, outset)
	all, some := sandboxtest.Receive(t, nil), sandboxtest.Receive(t, nil)
	got := c.post("/webhook_endpoints", "webhook_endpoint", `"webhook_url":"`+all.URL+`"`)
	hold(c, got, "webhook_endpoint.", "signature_algo=jwt event_types= name=")
	id := c.post("/webhook_endpoints", "webhook_endpoint", `"webhook_url":"`+some.URL+`","signature_algo":"hmac","event_types":["wallet.created"]`).Text("webhook_endpoint.lago_id")
	for fields, details := range map[string]string{
		`"webhook_url":"` + all.URL + `"`:                      `{"webhook_url":["value_already_exist"]}`,
		`"webhook_url":"x"`:                                    `{"webhook_url":["url_invalid"]}`,
		`"webhook_url":"http://x/","signature_algo":"md5"`:     `{"signature_algo":["value_is_invalid"]}`,
		`"webhook_url":"http://x/","event_types":["nonsense"]`: `{"event_types":["invalid_types"]}`,
	} {
		c.refused("POST", "/webhook_endpoints", `{"webhook_endpoint":{`+fields+`}}`, details)
	}
	c.Control("webhooks", `{"url":"http://127.0.0.1:1/","secret":"`+secret+`"}`) // sets the organization's key
	c.customer("a", "")
	c.wallet(`"code":"w"`)
	c.Control("deliver", "")
	if got := types(all.All()); got != "customer.created wallet.created" {
		t.Errorf("an endpoint for everything got %q", got)
	}
	if got := some.All(); types(got) != "wallet.created" || authentic(got[0].Header, got[0].Raw) != nil {
		t.Errorf("an endpoint for wallets got %q", types(got))
	}
	for _, one := range all.All() {
		if one.Header.Get("X-Lago-Signature-Algorithm") != "jwt" || !c.token(one) {
			t.Errorf("a delivery is signed as %q", one.Header)
		}
	}
	c.Want(200, "PUT", api+"/webhook_endpoints/"+id, `{"webhook_endpoint":{"event_types":["*"],"name":"N"}}`)
	hold(c, c.Get(api+"/webhook_endpoints/"+id), "webhook_endpoint.", `name=N event_types=["*"] signature_algo=hmac webhook_url=`+some.URL)
	c.Want(200, "DELETE", api+"/webhook_endpoints/"+id, "")
	c.Equal(c.Get(api+"/webhook_endpoints"), "meta.total_count", "2")
	for i := range 8 {
		c.post("/webhook_endpoints", "webhook_endpoint", `"webhook_url":"http://127.0.0.1:1/`+string(rune('a'+i))+`"`)
	}
	c.refused("POST", "/webhook_endpoints", `{"webhook_endpoint":{"webhook_url":"http://127.0.0.1:1/z"}}`, `{"base":["exceeded_limit"]}`)
	c.Want(400, "POST", "/_sandbox/webhooks", `{"url":"http://127.0.0.1:1/y","algo":"md5"}`)
}

// token checks a delivery that is signed by a token, against both forms of the
// public key.
func (c *client) token(got sandboxtest.Answer) bool {
	c.T.Helper()
	text := c.Get(api + "/webhooks/json_public_key").Text("webhook.public_key")
	if plain := c.Get(api + "/webhooks/public_key"); string(plain.Raw) != text || !strings.HasPrefix(plain.Header.Get("Content-Type"), "text/plain") {
		c.T.Errorf("the public key as a text is %q", plain.Raw)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, "\n", ""))
	block, _ := pem.Decode(raw)
	if err != nil || block == nil {
		c.T.Fatalf("the public key is %q", text)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		c.T.Fatal(err)
	}
	parts := strings.Split(got.Header.Get("X-Lago-Signature"), ".")
	if len(parts) != 3 {
		return false
	}
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Data, Iss string }
	json.Unmarshal(body, &claims) //nolint:errcheck // empty claims do not fit
	return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature) == nil && claims.Data == string(got.Raw) && claims.Iss == c.URL
}
