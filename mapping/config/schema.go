package config

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/sale"
)

// schema is a node of a JSON Schema.
type schema map[string]any

// Schema describes scrip.yaml for editors as a JSON Schema, of the draft that
// they know best, 7. It has the fields that [Parse] knows and their forms;
// what fields have to do with each other, only Parse checks.
func Schema(providers []Provider) ([]byte, error) {
	root := section("What Scrip is to be: the units that balances are counted in, the vendors, and what things cost.",
		topFields, "version", topParts(providers))
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "scrip.yaml"
	root["anyOf"] = []schema{{"required": []string{"unit"}}, {"required": []string{"units"}}}
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

// section is an object with the fields that the reader knows, which are given
// as the reader has them, and no others.
func section(about, known, needed string, parts map[string]schema) schema {
	fields := map[string]schema{}
	for _, name := range strings.Fields(known) {
		fields[name] = parts[name]
	}
	s := schema{"description": about, "type": "object", "additionalProperties": false, "properties": fields}
	if list := strings.Fields(needed); len(list) > 0 {
		s["required"] = list
	}
	return s
}

// named is an object whose keys are names of the writer's choice.
func named(about string, name *regexp.Regexp, most int, each schema) schema {
	s := schema{"description": about, "type": "object", "additionalProperties": each, "maxProperties": most}
	if name != nil {
		s["propertyNames"] = schema{"pattern": name.String()}
	}
	return s
}

func listOf(about string, each schema, least, most int) schema {
	s := schema{"description": about, "type": "array", "items": each, "minItems": least}
	if most > 0 {
		s["maxItems"] = most
	}
	return s
}

// text is a single value, however YAML reads it.
func text(about string) schema {
	return schema{"description": about, "type": []string{"string", "number"}, "minLength": 1}
}

func matching(about, pattern string) schema {
	return schema{"description": about, "type": "string", "pattern": pattern}
}

func oneOf[T ~string](about string, values ...T) schema {
	return schema{"description": about, "enum": values}
}

func whole(about string, least, most int64) schema {
	return schema{"description": about, "type": "integer", "minimum": least, "maximum": most}
}

// decimal is an amount, as a number or, which keeps its zeros, as a text.
func decimal(about string) schema {
	return schema{"description": about, "anyOf": []schema{
		{"type": "number", "minimum": 0}, {"type": "string", "pattern": `^\+?[0-9]+(\.[0-9]+)?$`},
	}}
}

func span(about string) schema {
	return schema{"description": about, "type": "string", "minLength": 1, "anyOf": []schema{
		{"pattern": shortSpan.String()}, {"pattern": longSpan.String()},
	}}
}

func money(about string) schema {
	return matching(about, `^\+?[0-9]+(\.[0-9]+)? +[A-Za-z]{3}$`)
}

func secretRef(about string) schema {
	return matching(about+" Written as env:NAME or file:/path, never itself.", `^(env:`+strings.Trim(envName.String(), "^$")+`|file:/.+)$`)
}

func topParts(providers []Provider) map[string]schema {
	unit := unitPart()
	orders := append(core.DefaultOrder(), core.ByCostBasis, core.ByScope)
	return map[string]schema{
		"version": {"description": "The version of this format.", "enum": []any{1, "1"}},
		"storage": matching("Where everything is kept: sqlite: and a path, or a PostgreSQL as postgres://USER@HOST/DATABASE; an address with a password as env:NAME or file:/path.",
			`^(sqlite:.+|postgres(ql)?://.+|env:`+strings.Trim(envName.String(), "^$")+`|file:/.+)$`),
		"listen":     matching("Where the HTTP API, the webhook endpoints and /metrics listen.", `:[0-9]{1,5}$`),
		"secret_key": secretRef("Encrypts stored secrets."),
		"retention": section("How long data is kept. The ledger is kept for ever.", retentionFields, "", map[string]schema{
			"raw": span("The raw bodies of webhooks that are settled; their digests stay. Kept for ever when left out."),
		}),
		"unit":        unit,
		"units":       listOf("Several units; the first is what the rate card is in.", unit, 1, maxUnits),
		"convert":     convertPart(),
		"connections": named("One for each vendor account.", connectionName, maxConnections, connectionPart(providers)),
		"route": section("Which connection does what.", routeFields, "primary", map[string]schema{
			"primary":  matching("Is told of grants and consumption.", connectionName.String()),
			"payments": matching("Collects the money; the primary one unless it is named.", connectionName.String()),
			"shadow":   listOf("Hear what the primary one hears.", matching("A connection.", connectionName.String()), 0, maxConnections),
		}),
		"burn_order": listOf("Which credits are spent first.", oneOf("A criterion.", orders...), 1, len(orders)),
		"holds": section("How long holds last.", holdsFields, "", map[string]schema{
			"default": span("How long a hold lasts."), "max": span("How long one may be asked to last."),
		}),
		"windows": section("When a reported fact may have happened.", windowsFields, "", map[string]schema{
			"late": span("How old a fact may be."), "skew": span("How far ahead of our clock a fact may be."),
			"closed": oneOf("What becomes of a fact of a closed period: it is refused, or counts in the next open one.", "refuse", "next_open"),
		}),
		"deficit": section("What may be spent beyond the balance.", deficitFields, "", map[string]schema{
			"limit": decimal("How much, in the first unit; 0 is nothing."), "settled_by": oneOf("Whose grants pay it.", "paid", "any"),
		}),
		"refunds":   refundsPart(),
		"rate_card": cardPart(),
		"packs":     named("Credits sold at a price.", packName, maxPacks, packPart()),
		"plans":     named("What customers subscribe to.", planName, maxPlans, planPart()),
		"top_up":    topUpPart(),
		"alerts":    alertsPart(),
		"mapping":   named("How a connection is told; everything has a default.", connectionName, maxConnections, mappingPart()),
	}
}

func unitPart() schema {
	price := money("List value of one unit, such as 0.08 usd.")
	return section("What balances are counted in.", unitFields, "code", map[string]schema{
		"code":    matching("Its name; a currency's code makes it money.", unitCode.String()),
		"scale":   whole("Decimals kept.", 0, core.MaxScale),
		"price":   {"description": "List value of one unit; a list for several currencies.", "anyOf": []schema{price, listOf("One for each currency.", price, 1, 0)}},
		"convert": convertPart(),
	})
}

func convertPart() schema {
	return section("The unit takes the place of another, and every balance is carried over.", convertFields, "from at", map[string]schema{
		"from": matching("The unit that is left.", unitCode.String()),
		"at": {"description": "What a grant is worth: what was paid for it, the list price, or new units for an old one.", "anyOf": []schema{
			{"enum": []convert.Mode{convert.CostBasis, convert.List}}, decimal("New units for an old one."),
			matching("New units for an old one, as a ratio.", `^\+?[0-9]+(\.[0-9]+)?/\+?[0-9]+(\.[0-9]+)?$`),
		}},
	})
}

func connectionPart(providers []Provider) schema {
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.Name
	}
	slices.Sort(names)
	return section("A vendor account.", connectionFields, "provider api_key", map[string]schema{
		"provider":        oneOf("The vendor.", names...),
		"api_key":         secretRef("The key of the vendor's API."),
		"webhook_secrets": listOf("What webhooks are signed with; several while one is replaced.", secretRef("A secret."), 1, maxSecrets),
		"base_url":        matching("A sandbox, or a vendor on your own machines.", `^https?://[^?#@]+$`),
	})
}

func packPart() schema {
	price := money("What one costs, such as 80 usd.")
	prices := schema{"description": "What one costs; a list for several currencies.", "anyOf": []schema{price, listOf("One for each currency.", price, 1, 0)}}
	each := money("What one unit costs, such as 1 usd.")
	pack := section("Credits sold at a price.", packFields, "", map[string]schema{
		"credits": decimal("How many are in one pack."),
		"unit":    matching("Their unit, where there are several.", unitCode.String()),
		"price":   prices,
		"tiers": listOf("Instead of price: what each pack costs by how many are bought at once.", section("Up to so many packs.", packTierFields, "price", map[string]schema{
			"up_to": whole("The most packs; the last tier has no end.", 1, sale.MaxPacks), "price": prices,
		}), 1, maxPackTiers),
		"price_per":      {"description": "Instead of credits and price: the buyer names an amount, and one unit costs this.", "anyOf": []schema{each, listOf("One for each currency.", each, 1, 0)}},
		"minimum":        decimal("The fewest packs, or with price_per the least amount, that are sold at once."),
		"expires":        {"description": "How long they last after they were paid for.", "type": "string", "anyOf": []schema{{"pattern": lifeSpan.String()}, {"enum": []string{"never", "cycle"}}}},
		"non_refundable": {"description": "Whether the money is kept in any case.", "type": "boolean"},
	})
	pack["anyOf"] = []schema{{"required": []string{"credits", "price"}}, {"required": []string{"credits", "tiers"}}, {"required": []string{"price_per"}}}
	return pack
}

func topUpPart() schema {
	bound := matching("Such as 3 per month or 500 usd per month; calendar periods, in UTC.", capText.String())
	return section("Credits that are bought before they run out.", topUpFields, "pack below", map[string]schema{
		"enabled": {"description": "Whether it is on; it is unless false is written.", "type": "boolean"},
		"pack":    matching("What is bought.", packName.String()),
		"below":   decimal("The balance: the first move below it buys."),
		"to":      decimal("Buy what is missing to this balance."),
		"amount":  decimal("Or always this many."),
		"packs":   whole("Or so many packs; one when nothing is said.", 1, 1000),
		"percent": whole("Or a share of what was bought by hand in the month before.", 1, maxPercent),
		"minimum": decimal("With percent: at least this many."),
		"at_most": {"description": "Bounds of number or money.", "anyOf": []schema{bound, listOf("Several.", bound, 1, maxCaps)}},
		"retry":   {"description": "How long to wait after each decline in a row; one more suspends it.", "anyOf": []schema{span("One wait."), listOf("The waits.", span("One."), 0, maxRetries)}},
	})
}

func alertsPart() schema {
	return section("What customers are told of their balance.", alertsFields, "", map[string]schema{
		"enabled":  {"description": "Whether anything is told.", "type": "boolean"},
		"unit":     matching("The unit that is meant, where there are several.", unitCode.String()),
		"low":      listOf("Balances whose crossing is told.", decimal("A balance."), 0, maxThresholds),
		"expiring": {"description": "How long before credits expire.", "anyOf": []schema{span("One lead time."), listOf("Several.", span("One."), 0, maxThresholds)}},
	})
}

func mappingPart() schema {
	vendorID := schema{"type": []string{"string", "number"}, "minLength": 1, "maxLength": 255, "description": "The vendor's id."}
	return section("How a connection is told.", mappingFields, "", map[string]schema{
		"strategy":       oneOf("How consumption is told; the default is the vendor's.", strategyNames()...),
		"rate":           money("What a unit is worth there; the default is its price."),
		"create":         {"description": "Make missing objects at the vendor.", "type": "boolean"},
		"window":         span("How long consumption is gathered before it is told."),
		"units":          named("The vendor's object for a unit.", unitCode, maxUnits, vendorID),
		"packs":          named("The vendor's object for a pack.", packName, maxPacks, vendorID),
		"carrier":        {"type": []string{"string", "number"}, "description": "What metered consumption is billed by."},
		"manual_changes": oneOf("What becomes of a person's change at the vendor.", manualFlag),
		"share":          decimal("The part of the vendor's rate limit that may be used, from 0.01 to 1."),
		"limit":          whole("Calls a second that the vendor allows this account.", 1, maxLimit),
	})
}
