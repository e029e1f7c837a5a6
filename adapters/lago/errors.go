package lago

import (
	"bytes"
	"encoding/json"
	"errors"

	"scrip/adapters"
)

// problem is Lago's error body. Only codes are matched: texts are spelt in
// different ways. Source: lago-api, app/controllers/concerns/api_errors.rb.
type problem struct {
	Code    string          `json:"code"`
	Details json.RawMessage `json:"error_details"`
}

// reasons are the codes of refused fields that the adapter acts on, by rank.
func reasons() []string {
	return []string{"wallet_limit_reached", terminated, "value_already_exist", "customer_not_found", "insufficient_credits", "exceeds_remaining_transaction_amount", "no_remaining_amount"}
}

const terminated = "wallet_is_terminated"

// judge reads the code of a refusal, or the one of its fields that says more:
// they nest by field and by place. The class is that of the status.
func judge(_ int, body []byte) (adapters.Code, string, string) {
	var p problem
	if json.Unmarshal(body, &p) != nil {
		return "", "", ""
	}
	for _, r := range reasons() {
		if p.Code == "validation_errors" && bytes.Contains(p.Details, []byte(`"`+r+`"`)) {
			return adapters.CodeInvalid, "the vendor refused the request", r
		}
	}
	return "", "", p.Code
}

// noEffectSeen is the error of a write whose 2xx answer is not the object asked for.
func noEffectSeen() error {
	return adapters.Errorf(adapters.CodeUnknown, "the answer cannot be understood")
}

// refusedAs reports whether the vendor does not know an object, and says which:
// an address that leads nowhere says nothing of the object.
func refusedAs(err error, code string) bool {
	var e *adapters.Error
	return errors.As(err, &e) && e.Code == adapters.CodeNotFound && e.Vendor == code
}

// refusedFor reports whether the vendor refused for a reason of its own.
func refusedFor(err error, reason string) bool {
	var e *adapters.Error
	return errors.As(err, &e) && e.Code == adapters.CodeInvalid && e.Vendor == reason
}
