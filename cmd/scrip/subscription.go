package main

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

func (s *shell) subscription() *cobra.Command {
	path := func(customer string) string {
		return "/v1/customers/" + url.PathEscape(customer) + "/subscription"
	}
	var anchor, when, vendor, connection string
	var seats, upcoming int64
	put := &cobra.Command{Use: "put CUSTOMER PLAN", Short: "subscribe a customer, or change plan, seats or who collects", Args: cobra.ExactArgs(2)}
	put.Flags().StringVar(&anchor, "anchor-at", "", "RFC 3339, what periods are counted from; now when not given")
	put.Flags().StringVar(&when, "when", "", "of a change of plan: now or next_period")
	put.Flags().Int64Var(&seats, "seats", 0, "how many; one, or what it is, when not given")
	put.Flags().StringVar(&vendor, "vendor", "", "the vendor's subscription that collects the price")
	put.Flags().StringVar(&connection, "connection", "", "with --vendor: where it is, the connection that collects payments when not given")
	put.RunE = func(cmd *cobra.Command, args []string) error {
		b := body{"plan": args[1]}.set("anchor_at", anchor).set("when", when)
		if seats != 0 {
			b["seats"] = seats
		}
		if vendor != "" {
			b["vendor"] = body{"subscription": vendor}.set("connection", connection)
		}
		return s.call(cmd, request{method: http.MethodPut, path: path(args[0]), body: b}, func(a answer) error { return s.show(a) })
	}
	get := &cobra.Command{Use: "get CUSTOMER", Short: "show a customer's subscription", Args: cobra.ExactArgs(1)}
	get.Flags().Int64Var(&upcoming, "upcoming", 0, "how many of the next renewals to list")
	get.RunE = func(cmd *cobra.Command, args []string) error {
		q := url.Values{}
		if upcoming != 0 {
			q.Set("upcoming", strconv.FormatInt(upcoming, 10))
		}
		return s.call(cmd, request{method: http.MethodGet, path: path(args[0]), query: q}, func(a answer) error { return s.show(a) })
	}
	var ends string
	end := &cobra.Command{Use: "end CUSTOMER", Short: "end a subscription with its period, or at once", Args: cobra.ExactArgs(1)}
	end.Flags().StringVar(&ends, "when", "", "now, or next_period, which is the default")
	end.RunE = func(cmd *cobra.Command, args []string) error {
		q := url.Values{}
		if ends != "" {
			q.Set("when", ends)
		}
		return s.call(cmd, request{method: http.MethodDelete, path: path(args[0]), query: q}, func(a answer) error { return s.show(a) })
	}
	pay := &cobra.Command{
		Use: "pay CUSTOMER REFERENCE PERIOD_START AMOUNT CURRENCY", Short: "tell of a period's payment; each reference counts once",
		Args: cobra.ExactArgs(5), RunE: func(cmd *cobra.Command, args []string) error {
			b := body{"reference": args[1], "period_start": args[2], "paid": body{"amount": args[3], "currency": args[4]}}
			return s.call(cmd, request{method: http.MethodPost, path: path(args[0]) + "/payments", body: b}, func(a answer) error { return s.show(a) })
		},
	}
	return group("subscription", "customers' plans", put, get, end, pay)
}
