package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scrip/adapters"
	"scrip/internal/clock"
	"scrip/mapping"
	"scrip/mapping/config"
)

// providerFacts tells the config what it must know of vendors.
func providerFacts() []config.Provider {
	var list []config.Provider
	for _, v := range vendors() {
		list = append(list, config.Provider{Name: v.name, Strategies: v.traits.Strategies, WhyNot: v.traits.WhyNot, Live: v.live, HoldsUnits: v.units, Decimals: v.traits.Decimals, Draws: v.traits.Draws, StartsNow: v.traits.StartsNow, CarrierLeads: v.traits.CarrierLeads, NamesCarrier: v.carrier, CannotCollect: v.pays != ""})
	}
	return list
}

// matrix is one vendor's column of the capability matrix.
type matrix struct {
	Provider     string              `json:"provider"`
	Strategies   []adapters.Strategy `json:"strategies"`
	WhyNot       string              `json:"why_not,omitempty"`
	Quantum      string              `json:"quantum"`
	Capabilities map[string]bool     `json:"capabilities"`
	Facts        []fact              `json:"facts"`
	BurnOrder    []orderKey          `json:"burn_order"`
	Echoes       []echo              `json:"echoes"`
	Comparable   []string            `json:"comparable"`
	Unconfirmed  []string            `json:"unconfirmed"`
}

type fact struct {
	Fact   string       `json:"fact"`
	Fit    adapters.Fit `json:"fit"`
	How    string       `json:"how"`
	Source string       `json:"source"`
}

type orderKey struct {
	Key       string `json:"key"`
	Confirmed bool   `json:"documented"`
}

type echo struct {
	Write string `json:"write"`
	Event string `json:"event"`
	How   string `json:"how"`
}

// matrixOf builds a column from the method set and the traits.
func matrixOf(v vendor) (matrix, error) {
	adapter, err := v.open(config.Connection{
		Connection: mapping.Connection{BaseURL: "https://vendor.invalid"}, // nobody is called
		APIKey:     config.NewSecret("matrix", "matrix"), WebhookSecrets: []config.Secret{config.NewSecret("matrix", "matrix")},
	}, clock.WallNow)
	if err != nil {
		return matrix{}, err
	}
	t := v.traits
	m := matrix{
		Provider: v.name, Strategies: t.Strategies, WhyNot: t.WhyNot, Quantum: t.QuantumOf,
		Capabilities: map[string]bool{}, Comparable: t.Comparable, Unconfirmed: t.Unconfirmed,
	}
	for _, c := range adapters.NewPort(adapter, adapters.Limits{}).Capabilities() {
		m.Capabilities[c.Name] = c.Has
	}
	for _, f := range t.Facts {
		m.Facts = append(m.Facts, fact{f.Name, f.Fit, f.How, f.Source})
	}
	for _, k := range t.BurnOrder {
		m.BurnOrder = append(m.BurnOrder, orderKey{string(k.Key), k.Confirmed})
	}
	for _, e := range t.Echoes {
		m.Echoes = append(m.Echoes, echo{string(e.Write), e.Event, e.How})
	}
	return m, nil
}

// markdown writes the matrix as a page: one table of facts and one of abilities.
func markdown(all []matrix) string {
	var b strings.Builder
	b.WriteString("# What each vendor can do\n\nGenerated from the adapters' method sets and traits; a test keeps it true.\n\n## Abilities\n\n| ability |")
	names := sortedNames(all[0].Capabilities)
	row(&b, all, func(m matrix) string { return m.Provider })
	b.WriteString("|---|" + strings.Repeat("---|", len(all)) + "\n")
	for _, name := range names {
		b.WriteString("| " + name + " |")
		row(&b, all, func(m matrix) string {
			if m.Capabilities[name] {
				return "yes"
			}
			return "no: kept in the core"
		})
	}
	for _, m := range all {
		fmt.Fprintf(&b, "\n## %s\n\nStrategies: %v. %s\n\nSmallest value: %s.\n\n| fact | fit | how | source |\n|---|---|---|---|\n", m.Provider, m.Strategies, m.WhyNot, m.Quantum)
		for _, f := range m.Facts {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Fact, f.Fit, f.How, f.Source)
		}
		b.WriteString("\nBurn order:")
		for _, k := range m.BurnOrder {
			word := "documented"
			if !k.Confirmed {
				word = "unconfirmed"
			}
			fmt.Fprintf(&b, " %s (%s)", k.Key, word)
		}
		b.WriteString(".\n\nComparable:\n\n")
		bullets(&b, m.Comparable)
		b.WriteString("\nUnconfirmed, and safe either way:\n\n")
		bullets(&b, m.Unconfirmed)
	}
	return b.String()
}

func row(b *strings.Builder, all []matrix, cell func(matrix) string) {
	for _, m := range all {
		b.WriteString(" " + cell(m) + " |")
	}
	b.WriteString("\n")
}

func bullets(b *strings.Builder, list []string) {
	for _, item := range list {
		b.WriteString("- " + item + "\n")
	}
}

func sortedNames[V any](m map[string]V) []string {
	names := slices.Collect(maps.Keys(m))
	slices.Sort(names)
	return names
}

func (s *shell) providers() *cobra.Command {
	var page bool
	c := &cobra.Command{Use: "providers", Short: "the capability matrix", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		all, err := matrices()
		if err != nil {
			return err
		}
		if s.json {
			return s.printJSON(all)
		}
		if page {
			_, err := fmt.Fprint(s.out, markdown(all))
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		for _, m := range all {
			fmt.Fprintf(w, "%s\tstrategies %v\tquantum %s\n", m.Provider, m.Strategies, m.Quantum)
			for _, f := range m.Facts {
				fmt.Fprintf(w, "  %s\t%s\t%s\n", f.Fact, f.Fit, f.How)
			}
		}
		return w.Flush()
	}}
	c.Flags().BoolVar(&page, "markdown", false, "print the matrix as a page")
	return c
}

// matrices are all vendors' columns.
func matrices() ([]matrix, error) {
	var all []matrix
	for _, v := range vendors() {
		m, err := matrixOf(v)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}
