package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// drift changes the amount of the first grant that a sandbox holds, as a
// person at the vendor might: drift URL MINOR.
func drift(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: drift URL MINOR")
	}
	var state struct {
		Customers []struct{ Grants []struct{ ID string } }
	}
	resp, err := http.Get(args[0] + "/_sandbox/state")
	ts.Check(err)
	raw, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	ts.Check(json.Unmarshal(raw, &state))
	for _, c := range state.Customers {
		if len(c.Grants) == 0 {
			continue
		}
		change := fmt.Sprintf(`{"object":"grant","id":%q,"op":"set","fields":{"value":%s}}`, c.Grants[0].ID, args[1])
		resp, err := http.Post(args[0]+"/_sandbox/mutate", "application/json", strings.NewReader(change))
		ts.Check(err)
		ts.Check(resp.Body.Close())
		if resp.StatusCode != http.StatusOK {
			ts.Fatalf("the sandbox answered %d", resp.StatusCode)
		}
		return
	}
	ts.Fatalf("the sandbox holds no grant: %s", raw)
}
