package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"scrip/mapping/burn"
	"scrip/mapping/migrate"
)

// How many accounts are shown of a plan: on a screen those with warnings, on a
// page those with warnings before others.
const (
	shownRows = 20
	pageRows  = 10_000
)

// gallery keeps the first accounts of a plan, however many there are.
type gallery struct {
	limit        int
	warned, rest []*migrate.CustomerEffect
	warnings     int // accounts that have some
	total        int
}

func (g *gallery) see(c *migrate.CustomerEffect) {
	g.total++
	kept := &g.rest
	if len(c.Warnings) > 0 {
		g.warnings++
		kept = &g.warned
	}
	if len(*kept) < g.limit {
		*kept = append(*kept, c)
	}
}

// printPlan shows a plan in short: what changes, what it does in all, and the
// first accounts that somebody should look at.
func (s *shell) printPlan(p *migrate.Plan, seen *gallery) error {
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, c := range p.Changes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Sign(), c.Path, c.Before, c.After)
		if c.Why != "" {
			fmt.Fprintf(w, "\tcannot be applied: %s\n", c.Why)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	s.say("%d changes", len(p.Changes))
	if p.Effect == nil {
		return nil
	}
	s.sayEffect(p.Effect)
	if p.Billing != "" {
		s.say("%s", p.Billing)
	}
	if err := s.printLosses(p.Effect.Losses); err != nil {
		return err
	}
	return s.printWarned(seen)
}

// sayEffect says what a plan does in all.
func (s *shell) sayEffect(e *migrate.Effect) {
	for _, u := range e.Units {
		if u.To != "" {
			s.say("%s %s become %s %s, %s", u.Before, u.Unit, u.After, u.To, rounded(u.Residual, u.To))
			continue
		}
		s.say("%s %s are left in all, before and after", u.Before, u.Unit)
		if u.Value != "" {
			s.say("the target holds %s of them, %s stays in the core by rounding", u.Value, u.Residual)
		}
	}
	if e.Calls > 0 {
		s.say("%d accounts and %d grants are carried: %d calls or more, about %s at our share of the vendor's limit, %s at all of it",
			e.Accounts, e.Carried, e.Calls, span(e.Seconds), span(e.AtLimit))
	}
	if e.Kept > 0 {
		s.say("%d grants stay in the core alone", e.Kept)
	}
	if text := burnText(e.Burn); text != "" {
		s.say("burn order at the target: %s", text)
	}
}

// rounded says what rounding took from all customers together, or gave them.
func rounded(residual, unit string) string {
	switch {
	case residual == "0":
		return "exactly"
	case strings.HasPrefix(residual, "-"):
		return residual[1:] + " " + unit + " more by rounding"
	}
	return residual + " " + unit + " less by rounding"
}

// burnText counts the accounts by what the target's burn order does.
func burnText(counts map[burn.Verdict]int) string {
	var parts []string
	for _, v := range []struct {
		verdict burn.Verdict
		text    string
	}{
		{burn.Same, "the same for %d accounts"}, {burn.Mended, "the same for %d by the priorities that the move gives"},
		{burn.MayDiffer, "may differ for %d"}, {burn.Differs, "differs for %d"},
	} {
		if n := counts[v.verdict]; n > 0 {
			parts = append(parts, fmt.Sprintf(v.text, n))
		}
	}
	return strings.Join(parts, ", ")
}

func (s *shell) printLosses(losses []migrate.Loss) error {
	if len(losses) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nLOSS\tTOUCHES\tFIT\tHOW")
	for _, l := range losses {
		fmt.Fprintf(w, "%s\t%d %s\t%s\t%s\n", l.Fact, l.Count, l.Of, l.Fit, l.How)
	}
	return w.Flush()
}

// printWarned lists the first accounts with warnings.
func (s *shell) printWarned(seen *gallery) error {
	if len(seen.warned) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	moves := seen.warned[0].To == "" // a change of the unit has no target
	head, target := "\nCUSTOMER\tBEFORE\tAFTER\t", ""
	if moves {
		head += "AT THE TARGET\t"
	}
	fmt.Fprintln(w, head+"WARNINGS")
	for _, c := range seen.warned {
		if moves {
			target = c.Value + "\t"
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s%s\n", plain(c.Customer), c.Before, c.Unit, after(c), target, warningText(c))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := seen.warnings - len(seen.warned); more > 0 {
		fmt.Fprintf(s.out, "… and %d more, in the file\n", more)
	}
	return nil
}

// after is what is left of an account, in its unit.
func after(c *migrate.CustomerEffect) string {
	if c.To != "" {
		return c.After + " " + c.To
	}
	return c.After + " " + c.Unit
}

// warningText names an account's warnings, with what burns in another order and
// what can be paid for more or less often.
func warningText(c *migrate.CustomerEffect) string {
	words := make([]string, len(c.Warnings))
	for i, w := range c.Warnings {
		words[i] = string(w)
		switch {
		case w == migrate.BurnDiffers && c.Pair != nil:
			words[i] += fmt.Sprintf(" (%s before %s)", c.Pair.Second, c.Pair.First)
		case w == migrate.PowerChanged && len(c.Power) > 0:
			words[i] += fmt.Sprintf(" (%s: %d times, not %d", c.Power[0].Action, c.Power[0].After, c.Power[0].Before)
			if more := len(c.Power) - 1; more > 0 {
				words[i] += fmt.Sprintf(", and %d more", more)
			}
			words[i] += ")"
		}
	}
	return strings.Join(words, ", ")
}

// span writes seconds for people: 44h, 3m20s.
func span(seconds int) string {
	h, m, s := seconds/3600, seconds/60%60, seconds%60
	switch {
	case h > 0:
		return fmt.Sprintf("%dh%02dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm%02ds", m, s)
	}
	return fmt.Sprintf("%ds", s)
}
