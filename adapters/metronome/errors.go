package metronome

import (
	"encoding/json"
	"net/http"
	"strings"

	"scrip/adapters"
)

// keyUsed stands for a refusal because a uniqueness key or an ingest alias was
// used before. Neither refusal says by what.
const keyUsed = "key_used"

// judge classifies a refusal. Most have nothing but a message for people, and
// a conflict may be of three kinds; one that cannot be told apart is taken for
// a request that still runs, which is safe to repeat.
func judge(status int, body []byte) (adapters.Code, string, string) {
	var p struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	}
	if json.Unmarshal(body, &p) != nil {
		return "", "", ""
	}
	text := strings.ToLower(p.Message)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case p.Code == "CustomerNotFound":
		return adapters.CodeNotFound, "the vendor does not know the customer", ""
	case status != http.StatusConflict:
		return "", "", ""
	case has("uniqueness", "alias"):
		return adapters.CodeInvalid, "the vendor has an object of this key already", keyUsed
	case has("idempotency") && has("differ", "match", "param", "another body", "not the same", "payload"):
		return adapters.CodeConflict, "the key was used with other parameters", ""
	}
	return "", "", ""
}

// noEffectSeen is the error of a write whose 2xx answer is not what was asked for.
func noEffectSeen() error {
	return adapters.Errorf(adapters.CodeUnknown, "the answer cannot be understood")
}

// unlisted is the error of an object that the vendor knows and does not list yet.
func unlisted(what string) error {
	return adapters.Errorf(adapters.CodeInProgress, "the vendor does not list %s yet, reads may lag", what)
}
