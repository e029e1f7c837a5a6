package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func (s *shell) customer() *cobra.Command {
	var name, email, zone, currency string
	var metadata []string
	put := &cobra.Command{Use: "put ID", Short: "create or replace a customer", Args: cobra.ExactArgs(1)}
	put.Flags().StringVar(&name, "name", "", "name")
	put.Flags().StringVar(&email, "email", "", "e-mail address")
	put.Flags().StringVar(&zone, "timezone", "", "IANA time zone")
	put.Flags().StringVar(&currency, "currency", "", "ISO 4217 code")
	put.Flags().StringArrayVar(&metadata, "metadata", nil, "NAME=VALUE; repeatable")
	put.RunE = func(cmd *cobra.Command, args []string) error {
		more, err := pairs("metadata", metadata)
		if err != nil {
			return err
		}
		b := body{}.set("name", name).set("email", email).set("timezone", zone).set("currency", currency)
		if more != nil {
			b["metadata"] = more
		}
		return s.call(cmd, request{method: http.MethodPut, path: "/v1/customers/" + url.PathEscape(args[0]), body: b}, func(a answer) error { return s.show(a) })
	}
	get := &cobra.Command{Use: "get ID", Short: "show a customer", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/customers/" + url.PathEscape(args[0])}, func(a answer) error { return s.show(a) })
	}}
	list := &cobra.Command{Use: "list", Short: "list customers", Args: cobra.NoArgs}
	page := paged(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/customers", query: page()},
			func(a answer) error { return s.table(a, "id", "name", "email", "created_at") })
	}
	erase := &cobra.Command{
		Use: "delete ID", Short: "erase a customer's personal data; its entries stay",
		Long: "Erases name, address, metadata, addresses to pay at and the bodies of deliveries about the customer; vendors are told placeholders.\n" +
			"It cannot be taken back. What the ledger counted stays, under the id. Refused while the customer has credits or open holds.",
		Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return s.call(cmd, request{method: http.MethodDelete, path: "/v1/customers/" + url.PathEscape(args[0])}, func(a answer) error { return s.show(a) })
		},
	}
	return group("customer", "customers", put, get, list, erase)
}

func (s *shell) grant() *cobra.Command {
	var category, starts, expires, paid, unit, card string
	var priority int
	var actions, metadata []string
	create := &cobra.Command{Use: "create CUSTOMER AMOUNT", Short: "grant credits", Args: cobra.ExactArgs(2)}
	create.Flags().StringVar(&category, "category", "promotional", "paid, promotional, allotment, rollover or adjustment")
	create.Flags().StringVar(&starts, "effective-at", "", "RFC 3339; now when not given")
	create.Flags().StringVar(&expires, "expires-at", "", "RFC 3339; never when not given")
	create.Flags().StringVar(&paid, "paid", "", "what was paid for it, such as \"80 usd\"")
	create.Flags().StringVar(&unit, "unit", "", "unit of the amount, needed when several are configured")
	create.Flags().StringVar(&card, "rate-card", "", "the version of the prices that the grant keeps")
	create.Flags().IntVar(&priority, "priority", -1, "0 to 100, lower burns first; 50 when not given")
	create.Flags().StringArrayVar(&actions, "action", nil, "an action it may pay for; repeatable; any when not given")
	create.Flags().StringArrayVar(&metadata, "metadata", nil, "NAME=VALUE; repeatable")
	key := s.keyed(create)
	create.RunE = func(cmd *cobra.Command, args []string) error {
		b := body{"amount": args[1], "category": category}.set("unit", unit).set("effective_at", starts).set("expires_at", expires)
		if priority >= 0 {
			b["priority"] = priority
		}
		if paid != "" {
			amount, currency, _ := strings.Cut(paid, " ")
			b["paid"] = body{"amount": amount, "currency": currency}
		}
		b.set("rate_card", card)
		if len(actions) > 0 {
			b["scope"] = body{"actions": actions}
		}
		more, err := pairs("metadata", metadata)
		if err != nil {
			return err
		}
		if more != nil {
			b["metadata"] = more
		}
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/customers/" + url.PathEscape(args[0]) + "/grants", key: key(), body: b},
			func(a answer) error { return s.show(a) })
	}
	var all bool
	list := &cobra.Command{Use: "list CUSTOMER", Short: "list a customer's grants in burn order", Args: cobra.ExactArgs(1)}
	list.Flags().BoolVar(&all, "all", false, "closed ones too, in the order they were made")
	page := paged(list)
	list.RunE = func(cmd *cobra.Command, args []string) error {
		q := page()
		if all {
			q.Set("state", "all")
		}
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/customers/" + url.PathEscape(args[0]) + "/grants", query: q},
			func(a answer) error {
				return s.table(a, "id", "state", "amount", "remaining", "held", "category", "priority", "expires_at")
			})
	}
	void := &cobra.Command{Use: "void GRANT", Short: "remove what is unspent and unheld", Args: cobra.ExactArgs(1)}
	voidKey := s.keyed(void)
	void.RunE = func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/grants/" + url.PathEscape(args[0]) + "/void", key: voidKey(), body: body{}},
			func(a answer) error { return s.show(a) })
	}
	return group("grant", "grant credits, list and void grants", create, list, void)
}

func (s *shell) purchase() *cobra.Command {
	create := &cobra.Command{Use: "create CUSTOMER PACK", Short: "let a customer buy a pack", Args: cobra.ExactArgs(2)}
	quantity := create.Flags().Int64("quantity", 0, "how many packs, one when left out")
	amount := create.Flags().String("amount", "", "how much, where the pack is sold by the amount")
	key := s.keyed(create)
	create.RunE = func(cmd *cobra.Command, args []string) error {
		b := body{"pack": args[1]}.set("amount", *amount)
		if *quantity != 0 {
			b["quantity"] = *quantity
		}
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/customers/" + url.PathEscape(args[0]) + "/purchases", key: key(), body: b},
			func(a answer) error { return s.show(a) })
	}
	get := &cobra.Command{Use: "get PURCHASE", Short: "show a purchase, and where to pay", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/purchases/" + url.PathEscape(args[0])}, func(a answer) error { return s.show(a) })
	}}
	refund := &cobra.Command{Use: "refund PURCHASE [AMOUNT]", Short: "ask the vendor to give the money back, all that is left or so much", Args: cobra.RangeArgs(1, 2)}
	refundKey := s.keyed(refund)
	refund.RunE = func(cmd *cobra.Command, args []string) error {
		b := body{}
		if len(args) == 2 {
			b["amount"] = args[1]
		}
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/purchases/" + url.PathEscape(args[0]) + "/refund", key: refundKey(), body: b},
			func(a answer) error { return s.show(a) })
	}
	return group("purchase", "buy packs", create, get, refund)
}
