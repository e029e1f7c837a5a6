package stripe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"scrip/adapters"
	"scrip/core"
)

func offline(t testing.TB, secrets ...string) *Adapter {
	a, err := New(Config{Key: "sk_test_1", WebhookSecrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// WH-08, WH-09, WH-10.
func TestVerify(t *testing.T) {
	a := offline(t, "whsec_old", "whsec_new")
	now := time.Date(2026, 1, 15, 12, 0, 0, 500_000_000, time.UTC)
	body := []byte(`{"id":"evt_1"}`)
	sign := func(secret string, at time.Time) string {
		return webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret, Timestamp: at}).Header
	}
	good := sign("whsec_new", now)
	hex := good[strings.Index(good, "v1=")+3:]
	unixNow := fmt.Sprint(now.Unix())
	for _, c := range []struct {
		name   string
		header []string
		ok     bool
	}{
		{"new secret", []string{good}, true},
		{"old secret", []string{sign("whsec_old", now)}, true},
		{"another secret", []string{sign("whsec_other", now)}, false},
		{"upper case", []string{"t=" + unixNow + ",v1=" + strings.ToUpper(hex)}, true},
		{"unknown parts", []string{"x=1," + good + ",v2=aa"}, true},
		{"v0 alone", []string{"t=" + unixNow + ",v0=" + hex}, false},
		{"right one last", []string{"t=" + unixNow + ",v1=aa,v1=zz," + "v1=" + hex}, true},
		{"299 s old", []string{sign("whsec_new", now.Add(-299*time.Second))}, true},
		{"301 s old", []string{sign("whsec_new", now.Add(-301*time.Second))}, false},
		{"299 s ahead", []string{sign("whsec_new", now.Add(299*time.Second))}, true},
		{"302 s ahead", []string{sign("whsec_new", now.Add(302*time.Second))}, false},
		{"no header", nil, false},
		{"empty", []string{""}, false},
		{"two headers", []string{good, good}, false},
		{"a part without value", []string{good + ",v1"}, false},
		{"a part with two", []string{good + ",v1=a=b"}, false},
		{"a space", []string{strings.Replace(good, ",v1", ", v1", 1)}, false},
		{"no time", []string{"v1=" + hex}, false},
		{"signed time", []string{"t=+" + unixNow + ",v1=" + hex}, false},
		{"huge time", []string{"t=9223372036854775807,v1=" + hex}, false},
		{"cut signature", []string{"t=" + unixNow + ",v1=" + hex[:62]}, false},
		{"too long", []string{good + strings.Repeat(",x=y", 2000)}, false},
	} {
		h := http.Header{}
		for _, v := range c.header {
			h.Add("Stripe-Signature", v)
		}
		err := a.Verify(adapters.Delivery{Header: h, Body: body}, now)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && err.Error() != unauthorized().Error() {
			t.Errorf("%s: the refusal tells what failed: %v", c.name, err)
		}
	}
}

// FuzzVerify holds our parser against Stripe's own: what we accept, it accepts.
// SC-07.
func FuzzVerify(f *testing.F) {
	body := []byte(`{"id":"evt_1"}`)
	now := time.Unix(1768478400, 0)
	f.Add(webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: "whsec_1", Timestamp: now}).Header)
	f.Add("t=1,v1=aa")
	f.Add("t=,v1=,=,==")
	a := offline(f, "whsec_1")
	f.Fuzz(func(t *testing.T, header string) {
		ours := a.Verify(adapters.Delivery{Header: http.Header{"Stripe-Signature": {header}}, Body: body}, now) == nil
		if theirs := webhook.ValidatePayloadIgnoringTolerance(body, header, "whsec_1") == nil; ours && !theirs {
			t.Errorf("accepted %q, which Stripe's library refuses", header)
		}
	})
}

// event is a snapshot event of our purchase.
func event(typ, object string) []byte {
	return []byte(fmt.Sprintf(`{"id":"evt_1","object":"event","type":%q,"created":1768478400,"livemode":true,"request":{"idempotency_key":null},"data":{"object":%s}}`, typ, object))
}

func TestNormaliseMoney(t *testing.T) {
	purchase := core.NewID(core.PurchaseID, "cust_1", "test", "key", 1)
	invoice := func(fields string) string {
		return fmt.Sprintf(`{"id":"in_1","object":"invoice","customer":{"id":"cus_1"},"charge":"ch_1","metadata":{"scrip_purchase":%q,"scrip_intent":%q},%s}`, purchase, intent(1), fields)
	}
	charge := func(fields string) string { return `{"id":"ch_1","customer":"cus_1","invoice":"in_1",` + fields + `}` }
	const refused = adapters.EventKind("refused")
	for _, c := range []struct {
		name, typ, object string
		kind              adapters.EventKind
		paid              string
		settled           bool
	}{
		{"paid", "invoice.paid", invoice(`"status":"paid","currency":"usd","amount_paid":8000`), adapters.PaymentEvent, "80.00 usd", true},
		{"yen", "invoice.paid", invoice(`"status":"paid","currency":"jpy","amount_paid":8000`), adapters.PaymentEvent, "8000 jpy", true},
		{"dinar", "invoice.paid", invoice(`"status":"paid","currency":"KWD","amount_paid":8000`), adapters.PaymentEvent, "8.000 kwd", true},
		{"2^53+1", "invoice.paid", invoice(`"status":"paid","currency":"usd","amount_paid":9007199254740993`), adapters.PaymentEvent, "90071992547409.93 usd", true},
		{"called paid but open", "invoice.paid", invoice(`"status":"open","currency":"usd","amount_paid":8000`), adapters.PaymentEvent, "80.00 usd", false},
		{"failed", "invoice.payment_failed", invoice(`"status":"open","currency":"usd","amount_paid":0`), adapters.FailedEvent, "0.00 usd", false},
		{"void", "invoice.voided", invoice(`"status":"void","currency":"usd","amount_paid":0`), adapters.FailedEvent, "0.00 usd", false},
		{"paid but the type is not", "invoice.payment_failed", invoice(`"status":"paid","currency":"usd","amount_paid":8000`), adapters.FailedEvent, "80.00 usd", false},
		{"text", "invoice.paid", invoice(`"status":"paid","currency":"usd","amount_paid":"8000"`), refused, "", false},
		{"exponent", "invoice.paid", invoice(`"status":"paid","currency":"usd","amount_paid":8e3`), refused, "", false},
		{"fraction", "invoice.paid", invoice(`"status":"paid","currency":"usd","amount_paid":80.00`), refused, "", false},
		{"too large", "invoice.paid", invoice(`"status":"paid","currency":"usd","amount_paid":9223372036854775807`), refused, "", false},
		{"negative", "invoice.paid", invoice(`"status":"paid","currency":"usd","amount_paid":-1`), refused, "", false},
		{"no amount", "invoice.paid", invoice(`"status":"paid","currency":"usd"`), refused, "", false},
		{"no currency", "invoice.paid", invoice(`"status":"paid","amount_paid":8000`), refused, "", false},
		{"other scale", "invoice.paid", invoice(`"status":"paid","currency":"isk","amount_paid":800000`), refused, "", false},
		{"not ours", "invoice.paid", `{"id":"in_1","metadata":{"scrip_purchase":"starter"}}`, adapters.SystemEvent, "", false},
		{"refund", "charge.refunded", charge(`"currency":"usd","amount_refunded":500`), adapters.RefundEvent, "5.00 usd", true},
		{"refund of another scale", "charge.refunded", charge(`"currency":"isk","amount_refunded":500`), adapters.SystemEvent, "", false},
		{"refund without amount", "charge.refunded", charge(`"currency":"usd"`), refused, "", false},
		{"dispute", "charge.dispute.created", `{"id":"dp_1","charge":"ch_1","status":"needs_response","currency":"usd","amount":8000}`, adapters.DisputeEvent, "80.00 usd", false},
		{"won", "charge.dispute.closed", `{"id":"dp_1","charge":"ch_1","status":"won","currency":"usd","amount":8000}`, adapters.DisputeEvent, "80.00 usd", true},
		{"lost", "charge.dispute.closed", `{"id":"dp_1","charge":"ch_1","status":"lost","currency":"usd","amount":8000}`, adapters.DisputeEvent, "80.00 usd", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := offline(t).Normalise(event(c.typ, c.object))
			if c.kind == refused {
				if adapters.AsError(err).Code != adapters.CodeInvalid {
					t.Errorf("got %+v, %v", e, err)
				}
				return
			}
			if err != nil || e.Kind != c.kind || e.Mark != "" || !e.Live || (e.Payment != nil) != (c.paid != "") {
				t.Fatalf("got %+v, %v", e, err)
			}
			if p := e.Payment; p != nil && (p.Paid.String() != c.paid || p.Settled != c.settled) {
				t.Errorf("payment %+v", *p)
			}
			if strings.HasPrefix(c.typ, "invoice.") && e.Payment != nil && (e.Payment.Purchase != purchase || e.Payment.Object != "in_1" || e.Customer != "cus_1" || e.Related[0] != "ch_1") {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	object := fmt.Sprintf(`{"id":"x_1","metadata":{"scrip_intent":%q}}`, intent(1))
	for _, c := range []struct {
		name, typ, request string
		want               core.ID
	}{
		{"born with it", "customer.created", `null`, intent(1)},
		{"old version", "customer.created", `"req_1"`, intent(1)},
		{"changed by somebody", "customer.updated", `{"idempotency_key":null}`, ""},
		{"changed by somebody's key", "customer.updated", `{"idempotency_key":"theirs"}`, ""},
		{"changed by us", "customer.updated", fmt.Sprintf(`{"idempotency_key":%q}`, intent(2)), intent(2)},
		{"a step of ours", "billing.credit_grant.updated", fmt.Sprintf(`{"idempotency_key":"%s:void:credgr_1"}`, intent(2)), intent(2)},
		{"voided by somebody", "billing.credit_grant.updated", `{}`, ""},
		{"finalized by us", "invoice.finalized", fmt.Sprintf(`{"idempotency_key":"%s:finalize"}`, intent(2)), intent(2)},
	} {
		body := fmt.Sprintf(`{"id":"evt_1","object":"event","type":%q,"created":1,"request":%s,"data":{"object":%s}}`, c.typ, c.request, object)
		if e, err := offline(t).Normalise([]byte(body)); err != nil || e.Mark != c.want {
			t.Errorf("%s: mark %q, %v, want %q", c.name, e.Mark, err, c.want)
		}
	}
}

// SC-07.
func FuzzNormalise(f *testing.F) {
	f.Add(event("invoice.paid", `{"id":"in_1","metadata":{"scrip_purchase":"pur_000000000000000000000000"},"amount_paid":1,"currency":"usd","status":"paid"}`))
	f.Add(event("charge.refunded", `{"id":"ch_1","amount_refunded":1,"currency":"usd"}`))
	f.Add([]byte(`{"id":"evt_1","object":"v2.core.event","type":"v1.billing.meter.no_meter_found","created":"2025-01-01T00:00:00Z","data":{"reason":{"error_types":[{"code":"x","sample_errors":[{"request":{"identifier":"y"}}]}]}}}`))
	a := offline(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := a.Normalise(body)
		switch {
		case err != nil && adapters.AsError(err).Code != adapters.CodeInvalid:
			t.Errorf("the failure has no class: %v", err)
		case err == nil && (e.ID == "" || e.Type == "" || e.Kind == ""):
			t.Errorf("an event without id, type or kind: %+v", e)
		case err == nil && e.Payment != nil && (e.Payment.Paid.Minor < 0 || e.Payment.Paid.Currency == ""):
			t.Errorf("a payment of %s", e.Payment.Paid)
		}
	})
}
