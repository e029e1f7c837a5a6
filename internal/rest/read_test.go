package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"scrip/adapters"
)

// A read by POST fails as a read does: nothing has happened.
func TestQuery(t *testing.T) {
	for _, c := range []struct {
		answer answer
		want   adapters.Code
	}{
		{answer{200, `{"id":"a"}`, nil}, ""}, {answer{500, `{}`, nil}, adapters.CodeUnavailable}, {answer{200, `{"id":`, nil}, adapters.CodeBadAnswer},
		{answer{400, `{}`, nil}, adapters.CodeInvalid},
	} {
		client, seen, body := vendor(t, c.answer)
		var into struct{ ID string }
		err := client.Query(t.Context(), "/x/list?limit=1", map[string]int{"n": 1}, &into)
		if HasCode(err, c.want) != (c.want != "") || c.want == "" && (err != nil || into.ID != "a") {
			t.Errorf("status %d: %v, want %q", c.answer.status, err, c.want)
		}
		if seen.Method != "POST" || seen.URL.RawQuery != "limit=1" || *body != `{"n":1}` || seen.Header.Get("Idempotency-Key") != "" {
			t.Errorf("asked by %s %s with %s", seen.Method, seen.URL, *body)
		}
	}
}

// Where no answer is expected, none and any JSON will do; a web page will not.
func TestNothingExpected(t *testing.T) {
	for text, ok := range map[string]bool{"": true, "{}": true, "null": true, "<html>": false, `{"a":`: false} {
		client, _, _ := vendor(t, answer{200, text, nil})
		err := client.Send(t.Context(), "POST", "/x", "k", nil, nil)
		if ok != (err == nil) || !ok && !HasCode(err, adapters.CodeUnknown) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretFault(t *testing.T) {
	for s, ok := range map[string]bool{"sk_1": true, "": false, "  ": false, "a b": false, "a\n": false, "ä": false, strings.Repeat("x", maxSecret): true, strings.Repeat("x", maxSecret+1): false} {
		if why := SecretFault(s); (why == "") != ok || s != "" && strings.Contains(why, s) && strings.TrimSpace(s) != "" {
			t.Errorf("%.20q: %q", s, why)
		}
	}
}

func TestHasCode(t *testing.T) {
	err := fmt.Errorf("x: %w", adapters.Errorf(adapters.CodeInvalid, "no"))
	if !HasCode(err, adapters.CodeNotFound, adapters.CodeInvalid) || HasCode(err, adapters.CodeNotFound) || HasCode(errors.New("x"), adapters.CodeUnknown) || HasCode(nil, "") {
		t.Error("an error has another code than its own")
	}
}

func TestTextsAndRatios(t *testing.T) {
	for raw, want := range map[string]string{`{"a":"b","c":1,"d":null}`: "map[a:b d:]", `[]`: "map[]", `null`: "map[]", `{}`: "map[]"} {
		var got Texts
		if err := json.Unmarshal([]byte(raw), &got); err != nil || fmt.Sprint(map[string]string(got)) != want {
			t.Errorf("%s: %v, %v, want %s", raw, got, err, want)
		}
	}
	for d, want := range map[Decimal]*big.Rat{"": new(big.Rat), "-1.5": big.NewRat(-3, 2), "1e2": big.NewRat(100, 1), "x": new(big.Rat)} {
		if got := d.Rat(); got.Cmp(want) != 0 {
			t.Errorf("%q is %s", d, got)
		}
	}
}
