package orb

import (
	"encoding/json"
	"errors"
	"strings"

	"scrip/adapters"
)

// problem is Orb's error body. Only the fragment of its type's address is
// matched: title and detail are for people, and may change.
// Source: docs.withorb.com/reference/error-responses.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// judge classifies a refusal by the fragment of its type.
func judge(status int, body []byte) (adapters.Code, string, string) {
	var p problem
	if json.Unmarshal(body, &p) != nil {
		return "", "", ""
	}
	_, fragment, _ := strings.Cut(p.Type, "#")
	switch fragment {
	case "409-resource-conflict":
		if differs(p) {
			return adapters.CodeConflict, "the key was used with other parameters", fragment
		}
		return adapters.CodeInProgress, "another request with this key is running", fragment
	case duplicate:
		return adapters.CodeInvalid, "an object with this id exists already", fragment
	case "404-resource-not-found", "404-url-not-found":
		return adapters.CodeNotFound, "the vendor does not know an object of the request", fragment
	case "404-feature-not-available": // whose status may be 400
		return adapters.CodeForbidden, "the vendor's account does not have this feature", fragment
	case "429-too-many-requests":
		return adapters.CodeRateLimited, "the vendor asks to wait", fragment
	case "500-internal-server-error":
		return adapters.CodeUnavailable, "the vendor failed", fragment
	}
	return "", "", fragment
}

// duplicate is the fragment of a refusal to make what exists.
const duplicate = "400-duplicate-resource-creation"

// differs reports whether a conflict is about the content of a repeated key.
// Both conflicts have one type, so the text decides; one that says nothing is
// taken for a request that still runs, which is safe to repeat.
func differs(p problem) bool {
	text := strings.ToLower(p.Title + " " + p.Detail)
	for _, word := range []string{"different", "mismatch", "does not match", "do not match", "doesn't match", "differs", "not the same", "another payload"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// noEffectSeen is the error of a write whose 2xx answer is not the object asked for.
func noEffectSeen() error {
	return adapters.Errorf(adapters.CodeUnknown, "the answer cannot be understood")
}

// hasCode reports whether err is classified as code.
func hasCode(err error, code adapters.Code) bool {
	var e *adapters.Error
	return errors.As(err, &e) && e.Code == code
}

// exists reports whether err says that what was to be made exists.
func exists(err error) bool {
	var e *adapters.Error
	return errors.As(err, &e) && e.Vendor == duplicate
}
