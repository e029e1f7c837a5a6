package config

import "scrip/core/rate"

func cardPart() schema {
	card := section("What actions cost, in one version.", cardFields, "version actions", map[string]schema{
		"version":      text("The name of this version."),
		"effective_at": text("Since when it is in force; the latest whose time has come prices what happens."),
		"actions":      named("The actions.", actionName, maxActions, actionPart()),
	})
	return schema{"description": "What actions cost: one version, or a list of them.", "anyOf": []schema{
		card, listOf("Versions of the rate card.", card, 1, maxCards),
	}}
}

func actionPart() schema {
	one := section("The price of events that fit; the one with most conditions wins.", rateFields, "", map[string]schema{
		"when": named("Values that dimensions must have.", plainName, maxConditions,
			schema{"description": "The value.", "type": []string{"string", "number", "boolean"}, "minLength": 1}),
		"cost":     costPart(),
		"tiers":    tiersPart(),
		"base":     decimal("Units for each event, instead of the action's."),
		"minimum":  decimal("The least that an event costs, instead of the action's."),
		"multiply": multiplyPart("Factors beside the action's."),
	})
	one["anyOf"] = []schema{{"required": []string{"cost"}}, {"required": []string{"tiers"}}}
	return section("What one action costs: base + cost x factors x (quantity / per), at least minimum.", actionFields, "", map[string]schema{
		"cost":      costPart(),
		"base":      decimal("Units for each event."),
		"unit":      matching("The unit of the figures, where there are several; the first one unless it is named.", unitCode.String()),
		"meter":     matching("What the quantity counts, for people.", plainName.String()),
		"per":       whole("The quantity in one step.", 1, maxPer),
		"round":     oneOf("What becomes of a begun step.", rate.StepUp, rate.StepHalfEven, rate.StepNone),
		"minimum":   decimal("The least that an event costs, in units."),
		"rates":     listOf("Costs by condition, instead of cost.", one, 1, maxRates),
		"tiers":     tiersPart(),
		"multiply":  multiplyPart("Factors that dimensions pick; those of several dimensions are multiplied."),
		"refund_on": listOf("Outcomes that cost nothing.", matching("An outcome.", plainName.String()), 1, maxOutcomes),
		"not_from":  listOf("Grants that never pay for it.", oneOf("A category.", categories...), 1, len(categories)),
		"at_zero":   oneOf("What happens when credits do not suffice, instead of what the plan says.", shortfalls...),
	})
}

func costPart() schema {
	one := decimal("Units for each step of the quantity.")
	alternatives := one["anyOf"].([]schema)
	return schema{"description": "Units for each step of the quantity, or how many of each of several units.", "anyOf": append(alternatives,
		named("Costs in several units, taken together.", unitCode, maxUnits, decimal("Units for each step.")))}
}

func tiersPart() schema {
	step := section("The cost of steps up to a bound.", tierFields, "cost", map[string]schema{
		"up_to": whole("The last step of the period that has this cost; the last has none.", 1, maxUpTo),
		"cost":  decimal("Units for each step."),
	})
	return section("Costs by what was used before.", tiersFields, "mode steps", map[string]schema{
		"mode":  oneOf("Graduated prices each step by its own tier, volume an event by the one it ends in.", rate.Graduated, rate.Volume),
		"per":   oneOf("How long use is counted.", rate.PerCycle, rate.PerDay, rate.PerMonth, rate.PerEvent),
		"steps": listOf("The tiers, upwards.", step, 1, maxCardTiers),
	})
}

func multiplyPart(about string) schema {
	return named(about, plainName, maxConditions, named("Factors by value; * is for values not listed.", nil, maxFactors, decimal("The factor.")))
}
