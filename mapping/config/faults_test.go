package config

import (
	"errors"
	"strings"
	"testing"

	"scrip/core"
)

// head makes a case's own text begin on line 3.
const head = "version: 1\nunit: {code: credits, scale: 2, price: 0.08 usd}\n"

// two adds a vendor that holds units and collects nothing to one that collects.
const two = "connections: {o: {provider: orb, api_key: env:SECRET, webhook_secrets: [env:WH]}, m: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}\n" +
	"route: {primary: o, payments: m}\n"

// vendor describes a connection on one line.
const vendor = "connections: {main: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}\nroute: {primary: main}\n"

// bad is a text and all of its faults, without the file's name.
type bad struct {
	name string
	text string
	want []string
}

func runBad(t *testing.T, cases []bad) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text), testEnv())
			var faults *Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want faults", err)
			}
			got := strings.ReplaceAll("\n"+err.Error(), "\nf:", "\n")[1:]
			if want := strings.Join(c.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Error("the fault holds a secret")
			}
		})
	}
}

func TestCF01YAML(t *testing.T) {
	runBad(t, []bad{
		{"empty", "", []string{`1:1: the file is empty, scrip init writes one to begin with`}},
		{"comments only", "# nothing\n\n", []string{`1:1: the file is empty, scrip init writes one to begin with`}},
		{"only a header", "---\n", []string{`1:1: the file is not one YAML document`}},
		{"a list", "- version: 1\n", []string{`1:1: the config must be fields, not a list`}},
		{"a word", "hello\n", []string{`1:1: the config must be fields, not a single value`}},
		{"duplicate key", head + "unit: {code: b}\nlisten: a:1\nlisten: b:2\n", []string{
			`3:1: field "unit" stands here a second time, the first is on line 2`,
			`5:1: field "listen" stands here a second time, the first is on line 4`,
		}},
		{"duplicate key inside", head + "holds: {max: 1h, default: 5m, max: 2h}\n", []string{`3:31: field "max" stands here a second time, the first is on line 3`}},
		{"tab", head + "holds:\n\tmax: 1h\n", []string{`4:1: a tab stands in the indentation, use spaces`}},
		{"second document", head + "---\nversion: 1\n", []string{`3:1: a second document begins here, a config is one document`}},
		{"end of document", head + "...\n", []string{`3:1: the document ends here, remove the line: a config is one document`}},
		{"anchor and alias", "version: &v 1\nunit: *v\n", []string{
			`1:10: anchors are not read, write the value where it is needed`,
			`2:7: aliases are not read, write the value itself (quote a text that begins with *)`,
		}},
		{"anchor bomb", "a: &a [x]\nb: &b [*a, *a]\n", []string{
			`1:4: anchors are not read, write the value where it is needed`,
			`2:4: anchors are not read, write the value where it is needed`,
			`2:8: aliases are not read, write the value itself (quote a text that begins with *)`,
			`2:12: aliases are not read, write the value itself (quote a text that begins with *)`,
		}},
		{"merge key", head + "holds:\n  <<: {max: 1h}\n", []string{`4:3: merge keys are not read, write the fields out`}},
		{"tag", head + "listen: !!str 127.0.0.1:80\n", []string{`3:9: tags are not read, remove it (quote a text that begins with !)`}},
		{"directive", "%YAML 1.2\n---\n" + head, []string{`1:1: directives are not read, remove it`}},
		{"complex key", head + "? listen\n: a:1\n", []string{`3:1: complex keys are not read, write key: value`}},
		{"block text", head + "listen: |\n  a:1\n", []string{`3:9: block texts are not read, write the text on one line`}},
		{"several lines", head + "listen: 127.0.0.1\n  api_key:canary\n", []string{`3:9: the text goes on over several lines, write it on one`}},
		{"several lines, quoted", head + "listen: \"127.0.0.1\n  canary\"\n", []string{`3:9: the text goes on over several lines, write it on one`}},
		{"open quote", head + "listen: \"canary\n", []string{`3:9: not valid YAML: could not find end character of double-quoted text`}},
		{"open brace", head + "holds: {max: 1h\nlisten: a:1\n", []string{`4:1: not valid YAML: ',' or '}' must be specified`}},
		{"column past the end of its line", " \" \t \"\n      \" \t       ", []string{`1:7: not valid YAML: could not find end character of double-quoted text`}},
		{"bad escape", head + "listen: \"\\q\"\n", []string{`3:11: not valid YAML: found unknown escape character 'q'`}},
		{"two colons", head + "listen: é: canary: x\n", []string{`3:9: not valid YAML: mapping value is not allowed in this context`}},
		{"not UTF-8", head + "listen: \xff\n", []string{`3:9: the file is not UTF-8 text`}},
		{"control character", head + "listen: a\x00b\n", []string{`3:10: the control character '\x00' stands in the file`}},
		{"too deep", head + "holds: " + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "\n", []string{`3:24: the file is nested deeper than 16 levels`}},
		{"too deep, dashes", head + "holds:\n  " + strings.Repeat("- ", 20) + "a\n", []string{`4:35: the file is nested deeper than 16 levels`}},
		{"too large", head + strings.Repeat("# canary\n", 1<<17), []string{`1:1: the file has 1179708 bytes, at most 1048576 are read`}},
		{"too many parts", head + "holds: [" + strings.Repeat("1,", 30_000) + "]\n", []string{`3:49989: the file has too many parts, at most 50000 are read`}},
	})
}

func TestCF01Fields(t *testing.T) {
	runBad(t, []bad{
		{"unknown at the top", head + "storrage: sqlite:a.db\n", []string{`3:1: field "storrage" of the config is unknown, did you mean "storage"?`}},
		{"unknown, nothing near", head + "holds: {longest: 1h}\n", []string{`3:9: field "longest" of holds is unknown, known are default, max`}},
		{"unknown deep inside", head + "rate_card:\n  version: a\n  actions:\n    x:\n      rates:\n        - {when: {a: b}, csot: 1}\n", []string{
			`8:12: a rate needs the field "cost"`,
			`8:26: field "csot" of a rate is unknown, did you mean "cost"?`,
		}},
		{"unknown and a long name", head + strings.Repeat("x", 60) + ": 1\n", []string{`3:1: field of 60 characters of the config is unknown, known are version, storage, listen, secret_key, retention, unit, units, convert, connections, route, burn_order, holds, windows, deficit, refunds, rate_card, packs, plans, top_up, alerts, mapping`}},
		{"case matters", head + "Listen: a:1\n", []string{`3:1: field "Listen" of the config is unknown, did you mean "listen"?`}},
		{"no blank after the colon", "version: 1\nunit: {code: credits, price:0.08}\n", []string{`2:23: field "price" of unit needs a blank after its colon`}},
		{"wrong kinds", "version: [1]\nunit: credits\nlisten: {a: 1}\nburn_order: expiry\nconnections: [a]\nroute: main\n", []string{
			`1:10: field "version" must be a single value, not a list`,
			`2:7: unit must be fields, not a single value`,
			`3:10: field "listen" must be a single value, not fields`,
			`4:13: field "burn_order" must be a list, not a single value`,
			`5:14: connections must be fields, not a list`,
			`6:8: route must be fields, not a single value`,
		}},
		{"empty values", "version:\nunit:\nlisten: ~\nholds: {max: }\n", []string{
			`1:1: field "version" of the config is empty, give it a value or remove it`,
			`2:1: field "unit" of the config is empty, give it a value or remove it`,
			`3:1: field "listen" of the config is empty, give it a value or remove it`,
			`4:9: field "max" of holds is empty, give it a value or remove it`,
		}},
		{"missing fields", "listen: 127.0.0.1:1\n", []string{
			`1:1: the config needs the field "version"`,
			`1:1: the config needs the field "unit"`,
		}},
		{"missing inside", head + "rate_card: {}\npacks: {a: {}}\nconnections: {a: {}}\nroute: {}\n", []string{
			`3:1: rate_card needs the field "version"`,
			`3:1: rate_card needs the field "actions"`,
			`4:9: pack "a" needs the field "credits"`,
			`4:9: pack "a" needs the field "price"`,
			`5:15: connection "a" needs the field "api_key"`,
			`5:15: connection "a" needs the field "provider"`,
			`6:1: route needs the field "primary"`,
		}},
		{"version", "version: 1.0\nunit: {code: a}\n", []string{`1:10: version "1.0" of the format is unknown, write 1`}},
		{"refunds", head + "refunds: {shortfall: never}\n", []string{
			`3:22: shortfall: "never" is unknown, write deficit, write_off or other_paid`,
		}},
		{"deficit", head + "deficit: {limit: 1.005, settled_by: anyone}\n", []string{
			`3:18: limit: amount "1.005" has 3 decimals, the unit keeps 2`,
			`3:37: settled_by: "anyone" is unknown, write paid or any`,
		}},
		{"all at once, in order", "version: 3\nlisten: here\nunit: {code: credits, scale: ten}\nfoo: 1\nholds: {max: -1h}\n", []string{
			`1:10: version "3" of the format is unknown, write 1`,
			`2:9: listen: "here" is not an address such as 127.0.0.1:8080`,
			`3:30: field "scale" must be a whole number from 0 to 9, not "ten"`,
			`4:1: field "foo" of the config is unknown, known are version, storage, listen, secret_key, retention, unit, units, convert, connections, route, burn_order, holds, windows, deficit, refunds, rate_card, packs, plans, top_up, alerts, mapping`,
			`5:14: max: "-1h" is not a duration, write 15m, 24h or 34 days`,
		}},
	})
}

func TestCF02Secrets(t *testing.T) {
	key := func(ref string) string {
		return head + "connections:\n  main:\n    provider: stripe\n    webhook_secrets: [env:WH]\n    api_key: " + ref + "\nroute: {primary: main}\n"
	}
	runBad(t, []bad{
		{"literal", key("canary_sk_live_1"), []string{`7:14: api_key: a secret is written as env:NAME or file:/path, never itself`}},
		{"literal, quoted", key("\"canary sk\""), []string{`7:14: api_key: a secret is written as env:NAME or file:/path, never itself`}},
		{"literal in a list", head + strings.Replace(vendor, "[env:WH]", "[canary_whsec, env:WH]", 1), []string{`3:76: webhook_secrets: a secret is written as env:NAME or file:/path, never itself`}},
		{"literal as a key", head + strings.Replace(vendor, "[env:WH]", "{canary_whsec: }", 1), []string{`3:76: field "webhook_secrets" must be a list, not fields`}},
		{"literal behind env", key("env:canary_sk_live_1"), []string{`7:14: api_key: what follows env: is not a name of upper-case letters, digits and underscores`}},
		{"missing variable", key("env:ABSENT"), []string{`7:14: api_key: environment variable ABSENT is not set`}},
		{"empty variable", key("env:EMPTY"), []string{`7:14: api_key: environment variable EMPTY is empty`}},
		{"placeholder in brackets", key("env:PLACE"), []string{`7:14: api_key: environment variable PLACE holds a placeholder, put the secret there`}},
		{"placeholder changeme", key("env:CHANGE"), []string{`7:14: api_key: environment variable CHANGE holds a placeholder, put the secret there`}},
		{"placeholder xxx", key("env:XXX"), []string{`7:14: api_key: environment variable XXX holds a placeholder, put the secret there`}},
		{"placeholder todo", key("env:TODO"), []string{`7:14: api_key: environment variable TODO holds a placeholder, put the secret there`}},
		{"blank", key("env:BLANK"), []string{`7:14: api_key: environment variable BLANK begins or ends with a blank`}},
		{"line break", key("env:LINES"), []string{`7:14: api_key: environment variable LINES holds a line break or another control character`}},
		{"no name", key("'env:'"), []string{`7:14: api_key: what follows env: is not a name of upper-case letters, digits and underscores`}},
		{"relative file", key("file:canary/key"), []string{`7:14: api_key: what follows file: is not an absolute path`}},
		{"missing file", key("file:/nonexistent/key"), []string{`7:14: api_key: file "/nonexistent/key" does not exist`}},
		{"folder", key("file:/"), []string{`7:14: api_key: file "/" cannot be read`}},
		{"empty list", head + strings.Replace(vendor, "[env:WH]", "[]", 1), []string{`3:75: webhook_secrets are 0, from 1 to 10 are read`}},
		{"no webhook secrets", head + strings.Replace(vendor, ", webhook_secrets: [env:WH]", "", 1), []string{`4:18: connection "main" needs the field "webhook_secrets" to be primary, without one no delivery can be trusted`}},
		{"twice", head + strings.Replace(vendor, "[env:WH]", "[env:WH, env:WH]", 1), []string{`3:84: webhook_secrets name "env:WH" twice`}},
		{"secret_key", head + "secret_key: canary\n", []string{`3:13: secret_key: a secret is written as env:NAME or file:/path, never itself`}},
	})
}

func TestCF03Connections(t *testing.T) {
	conn := "{provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}\n"
	runBad(t, []bad{
		{"duplicate", head + "connections:\n  a: " + conn + "  a: " + conn + "route: {primary: a}\n", []string{`5:3: field "a" stands here a second time, the first is on line 4`}},
		{"case", head + "connections:\n  a: " + conn + "  A: " + conn + "route: {primary: a}\n", []string{`5:3: connection "A" differs from "a" on line 4 by case only`}},
		{"upper case", head + "connections:\n  Ab: " + conn + "  ok: " + conn + "route: {primary: ok}\n", []string{`4:3: connection name "Ab" must be 1 to 40 of a-z 0-9 _ -`}},
		{"reserved", head + "connections:\n  all: " + conn + "  ok: " + conn + "route: {primary: ok}\n", []string{`4:3: connection name "all" is reserved, take another`}},
		{"300 characters", head + "connections:\n  " + strings.Repeat("a", 300) + ": " + conn + "  ok: " + conn + "route: {primary: ok}\n", []string{`4:3: connection name of 300 characters must be 1 to 40 of a-z 0-9 _ -`}},
		{"provider", head + strings.Replace(vendor, "stripe", "strip", 1), []string{`3:32: provider "strip" is unknown, did you mean "stripe"?`}},
		{"base_url", head + strings.Replace(vendor, "api_key", "base_url: 'ftp://canary', api_key", 1), []string{`3:50: base_url is not an address such as https://api.example.com`}},
		{"base_url with a password", head + strings.Replace(vendor, "api_key", "base_url: 'https://me:canary@host', api_key", 1), []string{`3:50: base_url holds a user or password, remove it: api_key is what authenticates`}},
		{"base_url with a query", head + strings.Replace(vendor, "api_key", "base_url: 'https://host/?k=canary', api_key", 1), []string{`3:50: base_url ends in a query or fragment, remove it`}},
		{"no route", head + "connections: {main: " + strings.TrimSpace(conn) + "}\n", []string{`1:1: the config needs the field "route", which says what connections do`}},
		{"route to nowhere", head + "connections: {main: " + strings.TrimSpace(conn) + "}\nroute: {primary: mian, payments: other, shadow: [x, mian]}\n", []string{
			`4:18: connection "mian" does not exist, did you mean "main"?`,
			`4:34: connection "other" does not exist, known are main`,
			`4:50: connection "x" does not exist, known are main`,
			`4:53: connection "mian" does not exist, did you mean "main"?`,
		}},
		{"shadow", head + "connections: {main: " + strings.TrimSpace(conn) + ", b: " + strings.TrimSpace(conn) + "}\nroute: {primary: main, shadow: [main, b, b]}\n", []string{
			`4:33: connection "main" cannot be a shadow, it is primary or collects payments`,
			`4:42: connection "b" is a shadow twice`,
		}},
		{"cohorts", head + vendor[:len(vendor)-2] + ", cohorts: []}\n", []string{`4:24: field "cohorts" of route is not supported yet, remove it`}},
		{"payments cannot collect", head + "connections: {o: " + strings.TrimSpace(strings.Replace(conn, "stripe", "orb", 1)) + "}\nroute: {primary: o, payments: o}\n", []string{`4:31: connection "o" cannot collect money, orb asks nobody to pay`}},
		{"nobody collects", head + "connections: {o: " + strings.TrimSpace(strings.Replace(conn, "stripe", "orb", 1)) + "}\nroute: {primary: o}\npacks: {a: {credits: 1, price: 1 usd}}\n", []string{`4:1: connection "o" cannot collect money, name one that can in route.payments`}},
		{"packs and no connection", head + "packs: {a: {credits: 1, price: 1 usd}}\n", []string{`3:1: packs need a connection that collects money, describe one in connections`}},
	})
}

func TestCF04Mapping(t *testing.T) {
	runBad(t, []bad{
		{"unknown connection", head + vendor + "mapping: {mian: {}}\n", []string{`5:11: connection "mian" does not exist, did you mean "main"?`}},
		{"strategy that is none", head + vendor + "mapping: {main: {strategy: metre}}\n", []string{`5:28: strategy "metre" is unknown, did you mean "meter"?`}},
		{"strategy it cannot do", head + vendor + "mapping: {main: {strategy: mirror}}\n", []string{`5:28: provider "stripe" cannot do the strategy "mirror": it has no debit of a grant`}},
		{"no rate", "version: 1\nunit: {code: credits}\n" + vendor, []string{`3:15: connection "main" needs a rate in mapping or a price of the unit, since stripe holds money`}},
		{"no rate, with a section", "version: 1\nunit: {code: credits}\n" + vendor + "mapping:\n  main: {window: 5s}\n", []string{`6:3: connection "main" needs a rate in mapping or a price of the unit, since stripe holds money`}},
		{"bad price is no missing rate", "version: 1\nunit: {code: credits, price: x}\n" + vendor, []string{`2:30: price: price "x" is not an amount and a currency, such as "0.08 usd"`}},
		{"zero rate", head + vendor + "mapping: {main: {rate: 0 usd}}\n", []string{`5:24: rate: "0 usd" is no value, remove it`}},
		{"rate where units are held", head + strings.Replace(vendor, "stripe", "orb", 1) + "mapping: {main: {rate: 1 usd}}\n", []string{
			`4:1: connection "main" cannot collect money, name one that can in route.payments`,
			`5:18: provider "orb" holds units and not money, remove the rate`,
		}},
		{"several units", "version: 1\nunits: [{code: a, price: 1 usd}, {code: b}]\n" + vendor, []string{`3:15: connection "main" would value several units at one rate, which is not supported yet, write strategy: totals`}},
		{"pack that is not sold", head + vendor + "packs: {small: {credits: 1, price: 1 usd}}\nmapping: {main: {packs: {smal: x}}}\n", []string{`6:26: pack "smal" does not exist, did you mean "small"?`}},
		{"share, window, create", head + vendor + "mapping: {main: {share: 1.5, window: 0s, create: yes}}\n", []string{
			`5:25: share: "1.5" is not between 0.01 and 1`,
			`5:38: window: "0s" is not between 1s and 24h`,
			`5:50: field "create" must be true or false, not "yes"`,
		}},
		{"share as percent", head + vendor + "mapping: {main: {share: 50%}}\n", []string{`5:25: share: amount "50%" has the character '%', only digits and one point are read`}},
		{"limit", head + vendor + "mapping: {main: {limit: 0}}\n", []string{`5:25: field "limit" must be a whole number from 1 to 10000, not "0"`}},
		{"limit, no number", head + vendor + "mapping: {main: {limit: fast}}\n", []string{`5:25: field "limit" must be a whole number from 1 to 10000, not "fast"`}},
		{"manual changes", head + vendor + "mapping: {main: {manual_changes: revert}}\n", []string{`5:34: manual_changes: "revert" is not supported yet, write flag`}},
		{"manual changes, unknown", head + vendor + "mapping: {main: {manual_changes: flat}}\n", []string{`5:34: manual_changes: "flat" is unknown, did you mean "flag"?`}},
		{"later", head + vendor + "mapping: {main: {plans: {}}}\n", []string{`5:18: field "plans" of mapping "main" is not supported yet, remove it`}},
		{"units where money is held", head + vendor + "mapping: {main: {units: {credits: x}}}\n", []string{`5:18: provider "stripe" holds money and no units, remove units`}},
		{"units", "version: 1\nunits: [{code: a}, {code: b}]\n" + two + "mapping: {m: {strategy: totals}, o: {create: false, units: {a: x, c: y}}}\n", []string{
			`5:34: connection "o" needs the vendor's id of unit "b" in mapping.o.units, since create is false`,
			`5:67: unit "c" does not exist, known are a, b`,
		}},
		{"one unit for two", "version: 1\nunits: [{code: a}, {code: b}]\n" + two + "mapping: {m: {strategy: totals}, o: {units: {a: x, b: x}}}\n", []string{
			`5:55: units "a" and "b" are both "x" at the vendor, each needs one of its own`,
		}},
		{"carrier where nothing is metered", head + vendor + "mapping: {main: {strategy: totals, carrier: x}}\n", []string{
			`5:36: carrier is what metered consumption is billed by, the strategy "totals" meters none, remove it`,
		}},
	})
}

func TestCF06Limits(t *testing.T) {
	runBad(t, []bad{
		{"durations", head + "holds: {default: 15, max: -1h}\nwindows: {late: 0 days, skew: 2h30}\nretention: {raw: 999999999 weeks}\n", []string{
			`3:18: default: "15" has no unit, write 15m, 24h or 34 days`,
			`3:27: max: "-1h" is not a duration, write 15m, 24h or 34 days`,
			`4:17: late: "0 days" is not between 1s and 366 days`,
			`4:31: skew: "2h30" is not a duration, write 15m, 24h or 34 days`,
			`5:18: raw: "999999999 weeks" is not between 24h and 3660 days`,
		}},
		{"durations, more", head + "holds: {default: 1.5h, max: 1e3s}\nwindows: {late: 34 dayz, skew: 25h, closed: open}\n", []string{
			`3:18: default: "1.5h" is not a duration, write 15m, 24h or 34 days`,
			`3:29: max: "1e3s" is not a duration, write 15m, 24h or 34 days`,
			`4:17: late: "34 dayz" is not a duration, write 15m, 24h or 34 days`,
			`4:32: skew: "25h" is not between 1s and 24h`,
			`4:45: closed: "open" is unknown, write refuse or next_open`,
		}},
		{"default above max", head + "holds: {default: 2h, max: 1h}\n", []string{`3:18: holds last 2h by default and 1h at most, the default must not be longer`}},
		{"default above the usual max", head + "holds: {default: 30h}\n", []string{`3:18: holds last 30h by default and 24h at most, the default must not be longer`}},
		{"scale", "version: 1\nunit: {code: credits, scale: 10}\n", []string{`2:30: field "scale" must be a whole number from 0 to 9, not "10"`}},
		{"scale, negative", "version: 1\nunit: {code: credits, scale: -1}\n", []string{`2:30: field "scale" must be a whole number from 0 to 9, not "-1"`}},
		{"scale, octal", "version: 1\nunit: {code: credits, scale: 02}\n", []string{`2:30: field "scale" must be a whole number from 0 to 9, not "02"`}},
		{"scale of money", "version: 1\nunit: {code: usd, scale: 1}\n", []string{`2:26: field "scale" must be a whole number from 2 to 9, not "1"`}},
		{"currency in capitals", "version: 1\nunit: {code: USD}\n", []string{`2:14: unit code "USD" is a currency, write it as "usd"`}},
		{"price of money", "version: 1\nunit: {code: usd, price: 1 usd}\n", []string{`2:19: unit "usd" is money and is worth itself, remove the price`}},
		{"unit code", "version: 1\nunit: {code: my credits}\n", []string{`2:14: unit code "my credits" must be up to 40 letters, digits, and _ . - between them`}},
		{"unit and units", "version: 1\nunit: {code: a}\nunits: [{code: b}]\n", []string{`3:1: unit and units exclude each other, put all of them into units`}},
		{"units twice", "version: 1\nunits: [{code: a}, {code: A}]\n", []string{`2:21: unit "A" stands in the list twice, first on line 2`}},
		{"no units", "version: 1\nunits: []\n", []string{`2:8: units are 0, from 1 to 20 are read`}},
		{"price", "version: 1\nunit: {code: a, price: 0.08}\n", []string{`2:24: price: price "0.08" is not an amount and a currency, such as "0.08 usd"`}},
		{"price in no currency", "version: 1\nunit: {code: a, price: 0.08 usx}\n", []string{`2:24: price: currency "usx" is not a known lower-case ISO 4217 code such as "usd"`}},
		{"price, exponent", "version: 1\nunit: {code: a, price: 8e-2 usd}\n", []string{`2:24: price: amount "8e-2" has an exponent, write all digits`}},
		{"price, too fine", "version: 1\nunit: {code: a, price: 0.0000000001 usd}\n", []string{`2:24: price: rate "0.0000000001" has 10 decimals, at most 9 are kept`}},
		{"prices twice", "version: 1\nunit: {code: a, price: [1 usd, 2 eur, 3 usd]}\n", []string{`2:39: price: currency "usd" stands in the list twice`}},
		{"price, zero", "version: 1\nunit: {code: a, price: 0.00 usd}\n", []string{`2:24: price: "0.00 usd" is no value, remove it`}},
		{"listen", head + "listen: 127.0.0.1\n", []string{`3:9: listen: "127.0.0.1" is not an address such as 127.0.0.1:8080`}},
		{"listen, port", head + "listen: 127.0.0.1:99999\n", []string{`3:9: listen: "127.0.0.1:99999" is not an address such as 127.0.0.1:8080`}},
		{"burn order", head + "burn_order: [expiry, exipry, expiry]\n", []string{
			`3:22: burn order "exipry" is unknown, use priority, expiry, promotional_first, effective, recorded, cost_basis or scoped_first`,
			`3:30: burn order names "expiry" twice`,
		}},
		{"burn order, empty", head + "burn_order: []\n", []string{`3:13: burn_order is empty, remove it to have the default`}},
	})
}

func TestCF06RateCard(t *testing.T) {
	card := func(action string) string {
		return head + "rate_card:\n  version: a\n  actions:\n    " + action + "\n"
	}
	runBad(t, []bad{
		{"name", card("a b: {cost: 1}"), []string{`6:5: action name "a b" must be 1 to 100 of A-Z a-z 0-9 . _ : -`}},
		{"nothing to pay", card("x: {meter: seconds}"), []string{`6:5: action "x" needs the field "cost", "base", "rates" or "tiers"`}},
		{"cost and rates", card("x: {cost: 1, rates: [{cost: 1}]}"), []string{`6:18: cost and rates of action "x" exclude each other, a rate without when is for all other events`}},
		{"negative", card("x: {cost: -1}"), []string{`6:15: cost: amount "-1" has a sign, write it without`}},
		{"underscore", card("x: {cost: 1_000}"), []string{`6:15: cost: amount "1_000" has the character '_', only digits and one point are read`}},
		{"hexadecimal", card("x: {cost: 0x10}"), []string{`6:15: cost: amount "0x10" has a leading zero`}},
		{"exponent", card("x: {cost: 1e3}"), []string{`6:15: cost: amount "1e3" has an exponent, write all digits`}},
		{"infinity", card("x: {cost: .inf}"), []string{`6:15: cost: amount ".inf" has no digit before the point`}},
		{"octal", card("x: {cost: 010}"), []string{`6:15: cost: amount "010" has a leading zero`}},
		{"huge", card("x: {cost: 99999999999999999999}"), []string{`6:15: cost: amount "99999999999999999999" is too large`}},
		{"too fine", card("x: {cost: 0.0000000001}"), []string{`6:15: cost: rate "0.0000000001" has 10 decimals, at most 9 are kept`}},
		{"too fine per step", card("x: {cost: 0.000000001, per: 1000000000}"), []string{`6:15: cost: "0.000000001" per 1000000000 is too fine to be priced exactly, use fewer decimals or a smaller per`}},
		{"base the unit cannot hold", card("x: {base: 0.001, cost: 1, minimum: 0.125}"), []string{
			`6:15: base: amount "0.001" has 3 decimals, the unit keeps 2`,
			`6:40: minimum: amount "0.125" has 3 decimals, the unit keeps 2`,
		}},
		{"per", card("x: {cost: 1, per: 0}"), []string{`6:23: field "per" must be a whole number from 1 to 1000000000, not "0"`}},
		{"per, broken", card("x: {cost: 1, per: 1.5}"), []string{`6:23: field "per" must be a whole number from 1 to 1000000000, not "1.5"`}},
		{"per, huge", card("x: {cost: 1, per: 10000000000}"), []string{`6:23: field "per" must be a whole number from 1 to 1000000000, not "10000000000"`}},
		{"round", card("x: {cost: 1, round: down}"), []string{`6:25: round: "down" is unknown, known are up, half_even, none`}},
		{"meter", card("x: {cost: 1, meter: 'a b'}"), []string{`6:25: meter "a b" must be 1 to 64 of A-Z a-z 0-9 _ . -`}},
		{"rates, empty", card("x: {rates: []}"), []string{`6:9: rates of action "x" are 0, from 1 to 200 are read`}},
		{"rate without cost", card("x: {rates: [{when: {a: b}}]}"), []string{`6:18: a rate needs the field "cost"`}},
		{"two rates for one event", card("x:\n      rates:\n        - {when: {model: large}, cost: 1}\n        - {when: {tier: gold}, cost: 2}\n        - {cost: 3}"), []string{`9:12: the same events fit this rate and the one on line 8, add a condition to one of them`}},
		{"same rate twice", card("x:\n      rates:\n        - cost: 1\n        - cost: 2"), []string{`9:11: the same events fit this rate and the one on line 8, add a condition to one of them`}},
		{"condition", card("x: {rates: [{when: {'a b': c, d: ' e', f: [g]}, cost: 1}]}"), []string{
			`6:25: dimension "a b" must be 1 to 64 of A-Z a-z 0-9 _ . -`,
			`6:38: dimension "d" begins or ends with a blank`,
			`6:47: field "f" must be a single value, not a list`,
		}},
		{"no time", head + "rate_card: {version: a, effective_at: 2026-01-01, actions: {}}\n", []string{`3:39: effective_at: time "2026-01-01" is not RFC 3339, such as "2026-01-31T12:00:00Z"`}},
	})
}

func TestCF06Packs(t *testing.T) {
	pack := func(p string) string { return head + vendor + "packs: {" + p + "}\n" }
	runBad(t, []bad{
		{"name", pack("A: {credits: 1, price: 1 usd}"), []string{`5:9: pack name "A" must be 1 to 40 of a-z 0-9 _ -`}},
		{"credits, zero", pack("a: {credits: 0, price: 1 usd}"), []string{`5:22: credits: a pack of none cannot be sold`}},
		{"credits, too fine", pack("a: {credits: 0.001, price: 1 usd}"), []string{`5:22: credits: amount "0.001" has 3 decimals, the unit keeps 2`}},
		{"credits, negative", pack("a: {credits: -5, price: 1 usd}"), []string{`5:22: credits: amount "-5" has a sign, write it without`}},
		{"price", pack("a: {credits: 1, price: 1}"), []string{`5:32: price: money "1" is not an amount and a currency, such as "80 usd"`}},
		{"price, zero", pack("a: {credits: 1, price: 0 usd}"), []string{`5:32: price: a pack that costs nothing cannot be sold, grant its credits instead`}},
		{"price finer than its currency", pack("a: {credits: 1, price: 0.5 jpy}"), []string{`5:32: price: amount "0.5" has 1 decimals, the unit keeps 0`}},
		{"expires", pack("a: {credits: 1, price: 1 usd, expires: 12}"), []string{`5:48: expires: "12" is not a time such as 12 months or 30 days, nor never`}},
		{"expires, zero", pack("a: {credits: 1, price: 1 usd, expires: 0 months}"), []string{`5:48: expires: "0 months" is not between 1 day and 100 years`}},
		{"expires, huge", pack("a: {credits: 1, price: 1 usd, expires: 101 years}"), []string{`5:48: expires: "101 years" is not between 1 day and 100 years`}},
		{"expires, cycle", pack("a: {credits: 1, price: 1 usd, expires: cycles}"), []string{`5:48: expires: "cycles" is not a time such as 12 months or 30 days, nor never`}},
		{"unit", pack("a: {credits: 1, price: 1 usd, unit: credit}"), []string{`5:45: unit "credit" does not exist, did you mean "credits"?`}},
		{"no unit of several", "version: 1\nunits: [{code: a}, {code: b}]\nconnections: {o: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}\nroute: {primary: o}\npacks: {a: {credits: 1, price: 1 usd}}\nmapping: {o: {strategy: totals}}\n", []string{`5:9: pack "a" needs the field "unit", since there are several units`}},
	})
}

func TestCF07Storage(t *testing.T) {
	runBad(t, []bad{
		{"a password", head + "storage: postgres://me:canary@db/scrip\n", []string{`3:10: storage holds a password: put the address into an environment variable or a file of its own, and write env:NAME or file:/path`}},
		{"an empty password", head + "storage: postgres://me:@db/scrip\n", []string{`3:10: storage holds a password: put the address into an environment variable or a file of its own, and write env:NAME or file:/path`}},
		{"a password behind ?", head + "storage: postgresql://me@db/scrip?password=canary\n", []string{`3:10: storage: the address may say application_name, connect_timeout, host, passfile, pool_max_conn_lifetime, pool_max_conns, sslcert, sslkey, sslmode, sslrootcert, target_session_attrs, and nothing else, behind ?`}},
		{"a setting of the session", head + "storage: postgres://me@db/scrip?synchronous_commit=off\n", []string{`3:10: storage: the address may say application_name, connect_timeout, host, passfile, pool_max_conn_lifetime, pool_max_conns, sslcert, sslkey, sslmode, sslrootcert, target_session_attrs, and nothing else, behind ?`}},
		{"another mode of commits", head + "storage: postgres://me@db/scrip?options=-c%20fsync=canary\n", []string{`3:10: storage: the address may say application_name, connect_timeout, host, passfile, pool_max_conn_lifetime, pool_max_conns, sslcert, sslkey, sslmode, sslrootcert, target_session_attrs, and nothing else, behind ?`}},
		{"twice", head + "storage: postgres://me@db/scrip?sslmode=require&sslmode=disable\n", []string{`3:10: storage: the address says sslmode twice`}},
		{"an unknown mode", head + "storage: postgres://me@db/scrip?sslmode=canary\n", []string{`3:10: storage: what the address says for sslmode is not possible, it must match ^(disable|allow|prefer|require|verify-ca|verify-full)$`}},
		{"a standby will do", head + "storage: postgres://me@a,b/scrip?target_session_attrs=any\n", []string{`3:10: storage: what the address says for target_session_attrs is not possible, it must match ^(read-write|primary)$`}},
		{"several hosts", head + "storage: postgres://me@a:5432,b:5433/scrip\n", []string{`3:10: storage: an address with several hosts needs target_session_attrs=read-write, since only one of them takes writes`}},
		{"no user", head + "storage: postgres://db/scrip\n", []string{`3:10: storage: the address names no user, write postgres://USER@HOST/DATABASE`}},
		{"no database", head + "storage: postgres://me@db\n", []string{`3:10: storage: the address names no database, write postgres://USER@HOST/DATABASE`}},
		{"no host", head + "storage: postgres:///scrip\n", []string{`3:10: storage: the address names no user, write postgres://USER@HOST/DATABASE`}},
		{"a user and no host", head + "storage: postgres://me@/scrip\n", []string{`3:10: storage: the address must name a host, or the folder of a socket as host=/folder, one of them`}},
		{"a host twice", head + "storage: postgres://me@db/scrip?host=/run\n", []string{`3:10: storage: the address must name a host, or the folder of a socket as host=/folder, one of them`}},
		{"a port of zero", head + "storage: postgres://me@db:0/scrip\n", []string{`3:10: storage: a host of the address is not written as HOST or HOST:PORT`}},
		{"an empty host", head + "storage: postgres://me@a,/scrip?target_session_attrs=primary\n", []string{`3:10: storage: a host of the address is not written as HOST or HOST:PORT`}},
		{"a broken address", head + "storage: postgres://me@db:canary/scrip\n", []string{`3:10: storage: the address cannot be read, write postgres://USER@HOST:PORT/DATABASE, special characters as %XX`}},
		{"another scheme", head + "storage: mysql://me:canary@db/scrip\n", []string{`3:10: storage must be sqlite: and a path, such as sqlite:scrip.db, or the address of a PostgreSQL, such as postgres://scrip@db.internal/scrip`}},
		{"a password behind sqlite", head + "storage: sqlite:postgres://me:canary@db\n", []string{`3:10: storage must be sqlite: and a path, such as sqlite:scrip.db, or the address of a PostgreSQL, such as postgres://scrip@db.internal/scrip`}},
		{"no path", head + "storage: 'sqlite:'\n", []string{`3:10: storage must be sqlite: and a path, such as sqlite:scrip.db, or the address of a PostgreSQL, such as postgres://scrip@db.internal/scrip`}},
		{"a variable that is not set", head + "storage: env:NONE\n", []string{`3:10: storage: environment variable NONE is not set`}},
		{"a variable with something else", head + "storage: env:KEY\n", []string{`3:10: storage: environment variable KEY storage must be sqlite: and a path, such as sqlite:scrip.db, or the address of a PostgreSQL, such as postgres://scrip@db.internal/scrip`}},
		{"a variable with a bad address", head + "storage: env:BAD_URL\n", []string{`3:10: storage: environment variable BAD_URL storage: the address may say application_name, connect_timeout, host, passfile, pool_max_conn_lifetime, pool_max_conns, sslcert, sslkey, sslmode, sslrootcert, target_session_attrs, and nothing else, behind ?`}},
		{"a file that is not there", head + "storage: file:/nowhere/url\n", []string{`3:10: storage: file "/nowhere/url" does not exist`}},
		{"memory", head + "storage: 'sqlite::memory:'\n", []string{`3:10: storage in memory is lost when the process ends, write sqlite: and a path`}},
	})
}

func TestFaultCodes(t *testing.T) {
	_, err := Parse("f", []byte(head+vendor+"mapping: {main: {manual_changes: revert}}\nfoo: 1\n"), testEnv())
	var faults *Faults
	if !errors.As(err, &faults) || len(faults.List) != 2 {
		t.Fatalf("got %v", err)
	}
	if faults.List[0].Code != core.CodeNotSupported || faults.List[1].Code != core.CodeInvalid {
		t.Errorf("codes are %q and %q", faults.List[0].Code, faults.List[1].Code)
	}
}

func TestManyFaultsAreCut(t *testing.T) {
	text := head
	for i := range 80 {
		text += strings.Repeat("z", i+1) + ": 1\n"
	}
	_, err := Parse("f", []byte(text), testEnv())
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != shownFaults+1 || lines[shownFaults] != "and 30 more" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "a", 0}, {"a", "b", 1}, {"csot", "cost", 2}, {"storrage", "storage", 1}, {"rate", "rates", 1},
		{"kitten", "sitting", 3}, {"abc", "", 3}, {"pakcs", "packs", 2}, {"packs", "plans", 3}, {"x", "unit", 3},
	} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("editDistance(%q, %q) is %d, want %d", c.a, c.b, got, c.want)
		}
		if got := editDistance(c.b, c.a); got != c.want {
			t.Errorf("editDistance(%q, %q) is %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
