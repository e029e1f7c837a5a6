package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

const (
	day       = 24 * time.Hour
	usageLife = 34 * day // how long usage is deduplicated, and how old it may be
	usageSkew = day
	maxBatch  = 100
)

// usage is one event of consumption.
type usage struct {
	ID          string                     `json:"id"`
	Transaction string                     `json:"transaction_id"`
	Named       string                     `json:"customer_id"`
	Customer    string                     `json:"matched"`
	Type        string                     `json:"event_type"`
	At          time.Time                  `json:"timestamp"`
	Accepted    time.Time                  `json:"processed_at"`
	Properties  map[string]json.RawMessage `json:"properties"`
}

func (x *usage) key() string { return x.ID }

// metric says which events count, and how.
type metric struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Kind     string   `json:"aggregation_type"`
	Property string   `json:"aggregation_key"`
	Types    []string `json:"event_types"`
	Not      []string `json:"other_event_types"`
}

func (x *metric) key() string { return x.ID }

// quantity is what an event counts for, and whether it does.
func (x *metric) quantity(u *usage) (amount, bool) {
	if x.Types != nil && !slices.Contains(x.Types, u.Type) || slices.Contains(x.Not, u.Type) {
		return amount{}, false
	}
	if x.Kind == "COUNT" {
		return whole(1), true
	}
	text := strings.Trim(string(u.Properties[x.Property]), `"`)
	n, err := parseAmount(text)
	return n, err == nil
}

func createMetric(c *call) (any, error) {
	var in struct {
		Name   string `json:"name"`
		Kind   string `json:"aggregation_type"`
		Key    string `json:"aggregation_key"`
		Filter struct {
			In  []string `json:"in_values"`
			Not []string `json:"not_in_values"`
		} `json:"event_type_filter"`
		Custom map[string]string `json:"custom_fields"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x := &metric{Name: in.Name, Kind: strings.ToUpper(in.Kind), Property: in.Key, Types: in.Filter.In, Not: in.Filter.Not}
	switch {
	case x.Name == "":
		return nil, invalid("name is required")
	case x.Kind != "COUNT" && x.Kind != "SUM":
		return nil, invalid("aggregation_type %q: this sandbox counts and sums", in.Kind)
	case x.Kind == "SUM" && x.Property == "":
		return nil, invalid("aggregation_key is required for SUM")
	}
	x.ID = uuid(c.a)
	c.st.Metrics.add(x)
	return obj{"data": obj{"id": x.ID}}, nil
}

// rateCard prices products.
type rateCard struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Unit    string            `json:"fiat_credit_type_id"`
	Worth   map[string]amount `json:"fiat_per_custom_credit"`
	Rates   []rate            `json:"rates"`
	Created time.Time         `json:"created_at"`
}

func (x *rateCard) key() string { return x.ID }

type rate struct {
	Product string     `json:"product_id"`
	Unit    string     `json:"credit_type_id"`
	Price   amount     `json:"price"`
	Start   time.Time  `json:"starting_at"`
	End     *time.Time `json:"ending_before"`
}

func createCard(c *call) (any, error) {
	var in struct {
		Name        string  `json:"name"`
		Description string  `json:"description"`
		Unit        *string `json:"fiat_credit_type_id"`
		Conversions []struct {
			Unit  string   `json:"custom_credit_type_id"`
			Worth *numeral `json:"fiat_per_custom_credit"`
		} `json:"credit_type_conversions"`
		Custom map[string]string `json:"custom_fields"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	unit, err := c.unitOf(in.Unit)
	if err != nil {
		return nil, err
	}
	if in.Name == "" {
		return nil, invalid("name is required")
	}
	x := &rateCard{Name: in.Name, Unit: unit, Worth: map[string]amount{}, Created: c.now}
	for _, v := range in.Conversions {
		if _, ok := c.unit(v.Unit); !ok || v.Worth == nil {
			return nil, invalid("credit_type_conversions: %q needs a custom credit type that exists, and its worth", v.Unit)
		}
		x.Worth[v.Unit] = v.Worth.amount
	}
	x.ID = uuid(c.a)
	c.st.Cards.add(x)
	return obj{"data": obj{"id": x.ID}}, nil
}

func addRate(c *call) (any, error) {
	var in struct {
		Card     string   `json:"rate_card_id"`
		Product  string   `json:"product_id"`
		Start    *moment  `json:"starting_at"`
		End      *moment  `json:"ending_before"`
		Entitled bool     `json:"entitled"`
		Kind     string   `json:"rate_type"`
		Price    *numeral `json:"price"`
		Unit     *string  `json:"credit_type_id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, ok := c.st.Cards.get(in.Card)
	if !ok {
		return nil, missing("Rate card", in.Card)
	}
	p, err := c.product(in.Product)
	if err != nil {
		return nil, err
	}
	unit, err := c.unitOf(in.Unit)
	if err != nil {
		return nil, err
	}
	_, priced := x.Worth[unit]
	switch {
	case in.Start == nil || in.Price == nil:
		return nil, invalid("starting_at and price are required")
	case !strings.EqualFold(in.Kind, "FLAT") || p.Type != "USAGE":
		return nil, invalid("rate_type %q of a %s product: this sandbox knows FLAT rates of USAGE products", in.Kind, p.Type)
	case unit != x.Unit && !priced:
		return nil, invalid("credit type %s has no conversion on this rate card", unit)
	}
	for name, m := range map[string]*moment{"starting_at": in.Start, "ending_before": in.End} {
		if err := aligned(name, m); err != nil {
			return nil, err
		}
	}
	one := rate{Product: p.ID, Unit: unit, Price: in.Price.amount, Start: in.Start.Time}
	if in.End != nil {
		one.End = &in.End.Time
	}
	x.Rates = append(x.Rates, one)
	return obj{"data": obj{"rate_type": "FLAT", "price": bare(one.Price), "credit_type": c.unitRef(unit)}}, nil
}

func ingest(c *call) (any, error) {
	var in []struct {
		Transaction string                     `json:"transaction_id"`
		Customer    string                     `json:"customer_id"`
		Type        string                     `json:"event_type"`
		At          *moment                    `json:"timestamp"`
		Properties  map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(c.Body), &in); err != nil {
		return nil, invalid("Invalid request body: it is not an array of events: %v", err)
	}
	if len(in) < 1 || len(in) > maxBatch {
		return nil, invalid("a batch has 1 to %d events, not %d", maxBatch, len(in))
	}
	for i, e := range in {
		switch {
		case e.Transaction == "" || len(e.Transaction) > maxKeyLength:
			return nil, invalid("event %d: transaction_id must have 1 to %d characters", i, maxKeyLength)
		case e.Customer == "" || e.Type == "" || e.At == nil:
			return nil, invalid("event %d: customer_id, event_type and timestamp are required", i)
		case c.now.Sub(e.At.Time) > usageLife:
			return nil, invalid("event %d: timestamp %s is more than 34 days ago", i, stamp(e.At.Time))
		case e.At.Sub(c.now) > usageSkew:
			return nil, invalid("event %d: timestamp %s is more than 24 hours ahead", i, stamp(e.At.Time))
		}
	}
	changed := map[string]bool{}
	for _, e := range in {
		if slices.ContainsFunc(c.st.Usage.Rows, func(u *usage) bool { return u.Transaction == e.Transaction && c.now.Sub(u.Accepted) < usageLife }) {
			continue
		}
		u := &usage{ID: uuid(c.a), Transaction: e.Transaction, Named: e.Customer, Type: e.Type, At: e.At.Time, Accepted: c.now, Properties: e.Properties}
		if x, ok := c.st.Customers.get(e.Customer); ok {
			u.Customer = x.ID
		} else if x, ok := c.byAlias(e.Customer); ok {
			u.Customer = x.ID
		}
		c.st.Usage.add(u)
		changed[u.Customer] = true
	}
	for _, x := range c.st.Customers.Rows {
		if changed[x.ID] {
			c.rebill(x.ID)
			c.touched(x.ID)
		}
	}
	return nil, nil
}

// matchUsage gives a customer the usage that named it before it had the name.
func (w *world) matchUsage(x *customer) {
	if w.a.Variant(usageBeforeCustomer) {
		return
	}
	for _, u := range w.st.Usage.Rows {
		if u.Customer == "" && slices.Contains(x.Aliases, u.Named) {
			u.Customer = x.ID
		}
	}
	w.rebill(x.ID)
}

// searchUsage tells what became of events.
func searchUsage(c *call) (any, error) {
	var in struct {
		Transactions []string `json:"transactionIds"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	out := []obj{}
	for _, u := range c.st.Usage.Rows {
		if !slices.Contains(in.Transactions, u.Transaction) || c.now.Sub(u.Accepted) > usageLife {
			continue
		}
		one := obj{
			"id": u.ID, "transaction_id": u.Transaction, "customer_id": u.Named, "event_type": u.Type, "timestamp": c.stamp(u.At),
			"properties": u.Properties, "processed_at": c.stamp(u.Accepted), "is_duplicate": false,
		}
		if x, ok := c.st.Customers.get(u.Customer); ok {
			one["matched_customer"] = obj{"id": x.ID, "name": x.Name}
		}
		matched := []obj{}
		for _, m := range c.st.Metrics.Rows {
			if _, counts := m.quantity(u); counts {
				matched = append(matched, obj{"id": m.ID, "name": m.Name, "aggregation_type": m.Kind})
			}
		}
		one["matched_billable_metrics"] = matched
		out = append(out, one)
	}
	return out, nil
}

// sumUsage aggregates a metric over one window.
func sumUsage(c *call) (any, error) {
	var in struct {
		Customers []string `json:"customer_ids"`
		Metrics   []struct {
			ID string `json:"id"`
		} `json:"billable_metrics"`
		Window string  `json:"window_size"`
		From   *moment `json:"starting_on"`
		To     *moment `json:"ending_before"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.From == nil || in.To == nil {
		return nil, invalid("starting_on and ending_before are required")
	}
	step, ok := map[string]time.Duration{"HOUR": time.Hour, "DAY": day, "NONE": in.To.Sub(in.From.Time)}[strings.ToUpper(in.Window)]
	const most = 10_000
	if !ok || step <= 0 || in.To.Sub(in.From.Time)/step > most {
		return nil, invalid("window_size %q does not fit from %s to %s", in.Window, stamp(in.From.Time), stamp(in.To.Time))
	}
	data := []obj{}
	for _, x := range c.st.Customers.Rows {
		for _, m := range c.st.Metrics.Rows {
			if in.Customers != nil && !slices.Contains(in.Customers, x.ID) || in.Metrics != nil && !slices.ContainsFunc(in.Metrics, func(v struct {
				ID string `json:"id"`
			}) bool {
				return v.ID == m.ID
			}) {
				continue
			}
			for at := in.From.Time; at.Before(in.To.Time); at = at.Add(step) {
				data = append(data, obj{
					"customer_id": x.ID, "billable_metric_id": m.ID, "billable_metric_name": m.Name, "start_timestamp": c.stamp(at), "end_timestamp": c.stamp(at.Add(step)),
					"value": bare(c.sum(x, m, at, at.Add(step))),
				})
			}
		}
	}
	return obj{"data": data, "next_page": nil}, nil
}

func (w *world) sum(x *customer, m *metric, from, to time.Time) amount {
	var sum amount
	for _, u := range w.st.Usage.Rows {
		if n, counts := m.quantity(u); counts && u.Customer == x.ID && !u.At.Before(from) && u.At.Before(to) {
			sum = sum.add(n)
		}
	}
	return sum
}

// byTime orders usage as it happened.
func byTime(a, b *usage) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) }
