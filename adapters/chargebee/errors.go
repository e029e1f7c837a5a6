package chargebee

import (
	"encoding/json"
	"errors"

	"scrip/adapters"
)

// Codes of refusals that the adapter acts on.
// Source: the error schemas of Chargebee's OpenAPI documents.
const (
	duplicate   = "duplicate_entry"
	lockTimeout = "lock_timeout"
)

// judge classifies a refusal by its api_error_code. Refusals of the ledger have
// no documented codes: the status decides there, and the caller looks whether
// the operation exists after all.
func judge(_ int, body []byte) (adapters.Code, string, string) {
	var p struct {
		Code string `json:"api_error_code"`
	}
	if json.Unmarshal(body, &p) != nil {
		return "", "", ""
	}
	switch p.Code {
	case duplicate:
		return adapters.CodeInvalid, "an object with this id exists already", p.Code
	case lockTimeout: // told with 429; should it ever come otherwise, it still asks to wait
		return adapters.CodeRateLimited, "another request holds the same object", p.Code
	}
	return "", "", p.Code
}

// noEffectSeen is the error of a write whose 2xx answer is not the object asked for.
func noEffectSeen() error {
	return adapters.Errorf(adapters.CodeUnknown, "the answer cannot be understood")
}

// exists reports whether err says that what was to be made exists.
func exists(err error) bool {
	var e *adapters.Error
	return errors.As(err, &e) && e.Vendor == duplicate
}
