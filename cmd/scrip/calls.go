package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// call runs one API call of a command and hands its answer to print.
func (s *shell) call(cmd *cobra.Command, r request, print func(answer) error) error {
	c, err := s.client(cmd.Context())
	if err != nil {
		return err
	}
	a, err := c.do(cmd.Context(), r)
	if closeErr := c.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return print(a)
}

// keyed adds the --key flag; without it each call gets a key of its own,
// which is told, so that the call can be repeated safely.
func (s *shell) keyed(c *cobra.Command) func() string {
	key := c.Flags().String("key", "", "idempotency key; repeat a call with the same key and it takes effect once")
	return func() string {
		if *key == "" {
			*key = "cli-" + randomText()
			s.say("idempotency key %s", *key)
		}
		return *key
	}
}

// paged adds --limit and --cursor.
func paged(c *cobra.Command) func() url.Values {
	limit := c.Flags().Int("limit", 100, "how many at most")
	cursor := c.Flags().String("cursor", "", "where the page before ended")
	return func() url.Values {
		q := url.Values{"limit": {fmt.Sprint(*limit)}}
		if *cursor != "" {
			q.Set("cursor", *cursor)
		}
		return q
	}
}

// body is a JSON object of the fields that are set.
type body map[string]any

func (b body) set(name, value string) body {
	if value != "" {
		b[name] = value
	}
	return b
}

// pairs reads repeated NAME=VALUE flags.
func pairs(flag string, list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := map[string]string{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usagef("--%s %q is not NAME=VALUE", flag, text)
		}
		m[name] = value
	}
	return m, nil
}

// charge holds the flags that say what a debit, hold or quote is for.
type charge struct {
	action, quantity, unit string
	dimensions             []string
}

func (f *charge) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.action, "action", "", "the action that is priced by the rate card")
	c.Flags().StringVar(&f.quantity, "quantity", "", "how much of it, 1 when left out")
	c.Flags().StringArrayVar(&f.dimensions, "dimension", nil, "NAME=VALUE that the price depends on; repeatable")
	c.Flags().StringVar(&f.unit, "unit", "", "unit of the amount, needed when several are configured")
}

// body is the request's: CUSTOMER AMOUNT, or CUSTOMER with --action.
func (f *charge) body(args []string) (body, error) {
	if (len(args) == 2) == (f.action != "") {
		return nil, usagef("name either an amount or an --action")
	}
	b := body{"customer": args[0]}
	if len(args) == 2 {
		return b.set("amount", args[1]).set("unit", f.unit), nil
	}
	dimensions, err := pairs("dimension", f.dimensions)
	if err != nil {
		return nil, err
	}
	if dimensions != nil {
		b["dimensions"] = dimensions
	}
	return b.set("action", f.action).set("quantity", f.quantity), nil
}

func (s *shell) debit() *cobra.Command {
	var f charge
	create := &cobra.Command{Use: "create CUSTOMER [AMOUNT]", Short: "take credits, all or nothing", Args: cobra.RangeArgs(1, 2)}
	f.flags(create)
	var at, from string
	create.Flags().StringVar(&at, "at", "", "when it happened, RFC 3339 (default now)")
	outcome := create.Flags().String("outcome", "", "how the action ended; one that the rate card refunds costs nothing")
	key := s.keyed(create)
	create.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := f.body(args)
		if err != nil {
			return err
		}
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/debits", key: key(), body: b.set("at", at).set("outcome", *outcome)}, func(a answer) error { return s.show(a) })
	}
	var amount string
	reverse := &cobra.Command{Use: "reverse DEBIT", Short: "give a debit back to the grants it came from", Args: cobra.ExactArgs(1)}
	reverse.Flags().StringVar(&amount, "amount", "", "a part; all that is left when not given")
	reverse.Flags().StringVar(&from, "at", "", "from when on it counts as given back, RFC 3339 (default now)")
	reverseKey := s.keyed(reverse)
	reverse.RunE = func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/debits/" + url.PathEscape(args[0]) + "/reverse", key: reverseKey(),
			body: body{}.set("amount", amount).set("at", from)}, func(a answer) error { return s.show(a) })
	}
	return group("debit", "take credits, and give them back", create, reverse)
}

func (s *shell) hold() *cobra.Command {
	var f charge
	var in string
	var protect bool
	create := &cobra.Command{Use: "create CUSTOMER [AMOUNT]", Short: "reserve credits", Args: cobra.RangeArgs(1, 2)}
	f.flags(create)
	create.Flags().StringVar(&in, "expires-in", "", "how long it is kept, such as 15m")
	create.Flags().BoolVar(&protect, "protect", false, "reserved credits outlive their grant's expiry until the hold resolves")
	key := s.keyed(create)
	create.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := f.body(args)
		if err != nil {
			return err
		}
		if protect {
			b["protect_until_resolved"] = true
		}
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/holds", key: key(), body: b.set("expires_in", in)}, func(a answer) error { return s.show(a) })
	}
	get := &cobra.Command{Use: "get HOLD", Short: "show one hold", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/holds/" + url.PathEscape(args[0])}, func(a answer) error { return s.show(a) })
	}}
	list := &cobra.Command{Use: "list CUSTOMER", Short: "list a customer's holds", Args: cobra.ExactArgs(1)}
	page := paged(list)
	list.RunE = func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/customers/" + url.PathEscape(args[0]) + "/holds", query: page()},
			func(a answer) error { return s.table(a, "id", "state", "amount", "captured", "expires_at") })
	}
	return group("hold", "reserve credits, capture or release them", create, s.capture(), s.release(), get, list)
}

func (s *shell) capture() *cobra.Command {
	var amount, quantity string
	var open, over bool
	c := &cobra.Command{Use: "capture HOLD", Short: "take from a hold; the rest is released", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&amount, "amount", "", "how much; all that is left when not given")
	c.Flags().StringVar(&quantity, "quantity", "", "priced as when the hold was made")
	c.Flags().BoolVar(&open, "keep-open", false, "keep the rest reserved for another capture")
	c.Flags().BoolVar(&over, "allow-over", false, "let what is above the hold be an ordinary debit")
	key := s.keyed(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		b := body{"final": !open, "allow_over": over}.set("amount", amount).set("quantity", quantity)
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/holds/" + url.PathEscape(args[0]) + "/capture", key: key(), body: b},
			func(a answer) error { return s.show(a) })
	}
	return c
}

func (s *shell) release() *cobra.Command {
	c := &cobra.Command{Use: "release HOLD", Short: "give back what a hold reserves", Args: cobra.ExactArgs(1)}
	key := s.keyed(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/holds/" + url.PathEscape(args[0]) + "/release", key: key(), body: body{}},
			func(a answer) error { return s.show(a) })
	}
	return c
}

func (s *shell) quote() *cobra.Command {
	var f charge
	c := &cobra.Command{Use: "quote [CUSTOMER]", Short: "what an action costs before it is taken", Args: cobra.MaximumNArgs(1)}
	f.flags(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if f.action == "" {
			return usagef("--action is needed")
		}
		b, err := f.body(append(args, "")[:1])
		if err != nil {
			return err
		}
		if len(args) == 0 {
			delete(b, "customer")
		}
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/quotes", body: b}, func(a answer) error { return s.show(a) })
	}
	return c
}

func (s *shell) balance() *cobra.Command {
	var at, known string
	c := &cobra.Command{Use: "balance CUSTOMER", Short: "what a customer has, or had", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		query := url.Values{}
		for name, instant := range map[string]string{"at": at, "known_at": known} {
			if instant != "" {
				query.Set(name, instant)
			}
		}
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/customers/" + url.PathEscape(args[0]) + "/balance", query: query}, func(a answer) error {
			return s.show(a, "customer", "unit", "posted", "held", "available", "overdrawn", "value", "paid_value", "expiring", "balances", "as_of", "known_at")
		})
	}}
	c.Flags().StringVar(&at, "at", "", "as of this instant, past or ahead, RFC 3339 (default now)")
	c.Flags().StringVar(&known, "known-at", "", "as it was known at this instant (default as it is known now)")
	return c
}

func (s *shell) entries() *cobra.Command {
	c := &cobra.Command{Use: "entries CUSTOMER", Short: "a customer's ledger", Args: cobra.ExactArgs(1)}
	page := paged(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/customers/" + url.PathEscape(args[0]) + "/entries", query: page()},
			func(a answer) error {
				return s.table(a, "seq", "kind", "amount", "unit", "from", "to", "grant", "source", "effective_at")
			})
	}
	return c
}
