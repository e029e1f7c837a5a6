package stripe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
)

// TestGrantThatStandsAlready: an account that comes back finds the object that
// was left to draw on, and gets another only when that one can give nothing.
func TestGrantThatStandsAlready(t *testing.T) {
	const old = `{"id":"credgr_old","amount":{"type":"monetary","monetary":{"currency":%q,"value":8000}},"metadata":{"scrip_grant":"grn_1"}%s}`
	summary := func(left int) string {
		return fmt.Sprintf(`{"object":"billing.credit_balance_summary","balances":[{"ledger_balance":{"type":"monetary","monetary":{"currency":"usd","value":%d}}}]}`, left)
	}
	for name, c := range map[string]struct {
		neutral, status, object, summary string
		want                             string
		reads                            int
	}{
		"left":               {object: fmt.Sprintf(old, "usd", ""), summary: summary(8000), want: "credgr_old", reads: 2},
		"partly drawn":       {object: fmt.Sprintf(old, "usd", ""), summary: summary(1), want: "credgr_old", reads: 2},
		"not in force yet":   {object: fmt.Sprintf(old, "usd", `,"effective_at":4000000000`), want: "credgr_old", reads: 1},
		"drawn to the end":   {object: fmt.Sprintf(old, "usd", ""), summary: summary(0), want: "credgr_new", reads: 2},
		"voided":             {object: fmt.Sprintf(old, "usd", `,"voided_at":1700000000`), want: "credgr_new", reads: 1},
		"expired":            {object: fmt.Sprintf(old, "usd", `,"expires_at":1700000000`), want: "credgr_new", reads: 1},
		"gone":               {status: "404", object: `{"error":{"type":"invalid_request_error","code":"resource_missing"}}`, want: "credgr_new", reads: 1},
		"in other money":     {object: fmt.Sprintf(old, "eur", ""), want: "credgr_new", reads: 1},
		"of another grant":   {neutral: "grn_2", want: "credgr_new"},
		"answer of no use":   {object: `{"id":"credgr_strange"}`, reads: 1},
		"cannot be read now": {status: "500", object: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			a, f := at(t, func(w http.ResponseWriter, r sent) {
				switch {
				case r.method == http.MethodPost:
					io.WriteString(w, `{"id":"credgr_new","object":"billing.credit_grant"}`)
				case strings.HasSuffix(r.path, "credit_balance_summary"):
					io.WriteString(w, c.summary)
				default:
					if c.status != "" {
						var status int
						fmt.Sscan(c.status, &status)
						w.WriteHeader(status)
					}
					io.WriteString(w, c.object)
				}
			})
			o := grantOrder()
			neutral := "grn_1"
			if c.neutral != "" {
				neutral = c.neutral
			}
			o.Links = append(adapters.Links{{Neutral: neutral, Role: adapters.RoleGrant, Vendor: "credgr_old"}}, o.Links...)
			got, err := a.CreateGrant(t.Context(), o)
			writes, reads := 0, 0
			for _, r := range f.requests() {
				if r.method == http.MethodPost {
					writes++
				} else {
					reads++
				}
			}
			if c.want == "" {
				if err == nil || writes > 0 {
					t.Errorf("%v, %v after %d writes: a second object may be made of a grant that stands", got, err, writes)
				}
				return
			}
			if err != nil || len(got.Links) != 1 || got.Links[0] != (adapters.Link{Neutral: "grn_1", Role: adapters.RoleGrant, Vendor: c.want}) {
				t.Errorf("%v, %v, want %s", got, err, c.want)
			}
			if made := c.want == "credgr_new"; made != (writes == 1) || writes > 1 || reads != c.reads {
				t.Errorf("%d writes, %d reads, want %d reads", writes, reads, c.reads)
			}
		})
	}
}
