package config

import (
	"scrip/core"
	"scrip/core/plan"
)

func planPart() schema {
	allotment := allotmentPart()
	return section("What customers subscribe to.", planFields, "every", map[string]schema{
		"price":     moneys("What a period costs; a list for several currencies; none is free."),
		"collect":   oneOf("Who asks for the price: a subscription at a vendor that the application links, or Scrip, by a purchase for each period. Left out, somebody outside tells of payments.", plan.ByVendor, plan.ByScrip),
		"every":     calendarPart("The length of a period, counted from the subscription's anchor in the customer's time zone."),
		"allotment": {"description": "What each period grants; several as a list. The first one's period is the cycle that overage is counted in.", "anyOf": []schema{allotment, listOf("Several.", allotment, 1, maxAllotments)}},
		"at_zero":   oneOf("What becomes of what credits cannot pay.", shortfalls...),
		"overage": section("What money buys when the credits are spent.", overageFields, "price", map[string]schema{
			"price":     moneys("Of so many units as per says; a list for several currencies."),
			"per":       whole("The units that the price is of.", 1, maxPer),
			"limit":     boundPart("The most units in a cycle, or a multiple of the cycle's allotment."),
			"charge_at": moneys("More money than this is charged at once, and not at the cycle's end."),
			"actions":   named("Prices of single actions.", actionName, maxActions, moneys("Of so many units as per says.")),
		}),
		"trial": section("What comes before the first period, once for each customer.", trialFields, "for", map[string]schema{
			"credits": decimal("What it grants."), "for": calendarPart("How long it lasts."),
		}),
		"upgrade": oneOf("What becomes of what is left when a customer moves to this plan at once.", "carry", "replace"),
	})
}

func allotmentPart() schema {
	return section("What a period grants.", allotmentFields, "", map[string]schema{
		"credits": decimal("How many, whatever the seats."),
		"seats": listOf("How many for each seat, by brackets.", section("A bracket.", bracketFields, "credits", map[string]schema{
			"up_to": whole("The last seat of the bracket; the last bracket may have no end.", 1, plan.MaxSeats), "credits": decimal("For each seat."),
		}), 1, maxBrackets),
		"mode":    oneOf("Whether each seat counts by its own bracket, or all by the one that their number falls in.", "graduated", "volume"),
		"every":   calendarPart("Its own period, where that is shorter than the plan's."),
		"start":   oneOf("Whether its periods begin at the anchor's time of day, or at midnight.", "anchor", "midnight"),
		"expires": {"description": "When what is left ends: with the next period, never, or after a time.", "type": "string", "anyOf": []schema{{"pattern": lifeSpan.String()}, {"enum": []string{"cycle", "never"}}}},
		"rollover": section("What is left is carried over.", rolloverFields, "", map[string]schema{
			"max":      boundPart("The most, or a multiple of the allotment."),
			"of":       oneOf("Whether max bounds what is carried over, or that and the new allotment together.", "rolled", "total"),
			"for":      {"description": "How long it lasts: cycles, or a time; for ever when left out.", "type": "string", "anyOf": []schema{{"pattern": cycleSpan.String()}, {"pattern": lifeSpan.String()}}},
			"priority": whole("Its place in the burn order, lower first.", 0, core.MaxPriority),
			"forfeit":  listOf("When it is lost.", oneOf("An occasion.", plan.OnDowngrade, plan.OnCancel), 1, 2),
		}),
		"on":       oneOf("Whether it is granted when the period begins, or when its payment is proven.", "boundary", "payment"),
		"cap":      matching("The most in a longer time, such as 150 per month.", capSpan.String()),
		"priority": whole("Its place in the burn order, lower first.", 0, core.MaxPriority),
		"scope":    listOf("The only actions that it pays for.", matching("An action.", actionName.String()), 1, 0),
	})
}

func calendarPart(about string) schema { return matching(about, lifeSpan.String()) }

func moneys(about string) schema {
	one := money("Such as 49 usd.")
	return schema{"description": about, "anyOf": []schema{one, listOf("One for each currency.", one, 1, 0)}}
}

func boundPart(about string) schema {
	one := decimal(about)
	return schema{"description": about, "anyOf": append(one["anyOf"].([]schema), schema{"type": "string", "pattern": timesText.String()})}
}
