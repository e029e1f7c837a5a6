package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A version of the rate card that a customer keeps cannot leave the file; one
// that nobody keeps can, and its successor prices what comes.
func TestAKeptVersionStaysInTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scrip.yaml")
	head := "version: 1\nstorage: sqlite:" + filepath.Join(dir, "scrip.db") + "\nunit: {code: credits, scale: 2}\nrate_card:\n"
	card := func(version, from, cost string) string {
		return "- {version: \"" + version + "\", effective_at: " + from + "-01-01T00:00:00Z, actions: {image: {cost: " + cost + "}}}\n"
	}
	old, newer := card("2024", "2024", "4"), card("2026", "2026", "6")
	apply := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"plan", "-c", path}, {"apply", "--yes", "-c", path}} {
			var words strings.Builder
			code := run(t.Context(), args, strings.NewReader(""), io.Discard, &words)
			if refused := strings.Contains(words.String(), "keeps rate card"); refused != (want != "") || refused && (code == 0 || !strings.Contains(words.String(), want)) {
				t.Errorf("%v: exit %d: %s", args, code, words.String())
			}
		}
	}
	price := func(c *till) string {
		d := c.post("/v1/quotes", body{"customer": "acme", "action": "image"})
		return d.at("rate_card").text() + " " + d.at("amount").text()
	}
	c := openTill(t, head+old, tillStart(2027))
	c.put("/v1/customers/acme", body{})
	c.post("/v1/customers/acme/grants", body{"amount": "100", "category": "promotional"})
	got := []string{price(c)}
	c.put("/v1/customers/acme/settings", body{"rate_card": "2024"})
	c.shut()
	apply(head+old+newer, "")
	c = openTill(t, head+old+newer, tillStart(2027))
	got = append(got, price(c))
	c.shut()
	apply(head+newer, `customer "acme" keeps rate card "2024"`)
	c = openTill(t, head+old+newer, tillStart(2027))
	c.put("/v1/customers/acme/settings", body{})
	got = append(got, price(c))
	c.shut()
	apply(head+newer, "")
	c = openTill(t, head+newer, tillStart(2027))
	if got = append(got, price(c)); strings.Join(got, ", ") != "2024 4.00, 2024 4.00, 2026 6.00, 2026 6.00" {
		t.Errorf("an image costs %q", got)
	}
}
