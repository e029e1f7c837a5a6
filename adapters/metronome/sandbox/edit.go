package sandbox

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// editIn is a change of a grant; both kinds are changed alike.
type editIn struct {
	Customer    string             `json:"customer_id"`
	Credit      string             `json:"credit_id"`
	Commit      string             `json:"commit_id"`
	Name        *string            `json:"name"`
	Description *string            `json:"description"`
	Priority    *numeral           `json:"priority"`
	Product     *string            `json:"product_id"`
	Products    *[]string          `json:"applicable_product_ids"`
	Tags        *[]string          `json:"applicable_product_tags"`
	Specifiers  *[]json.RawMessage `json:"specifiers"`
	RateType    *string            `json:"rate_type"`
	Access      struct {
		Add    []itemIn `json:"add_schedule_items"`
		Update []struct {
			ID string `json:"id"`
			itemIn
		} `json:"update_schedule_items"`
		Remove []struct {
			ID string `json:"id"`
		} `json:"remove_schedule_items"`
	} `json:"access_schedule"`
}

// target finds what a second-version call names, and tells an unknown customer
// by a code.
func (w *world) target(customer, creditID, commitID string, isCredit bool) (*grant, error) {
	if w.a.Variant(editingOff) {
		return nil, invalid("Contract editing is not enabled for this account")
	}
	if _, err := w.customer(customer); err != nil {
		var p *problem
		if errors.As(err, &p) && p.status != 400 {
			return nil, &problem{Message: p.Message, Code: "CustomerNotFound", status: 400}
		}
		return nil, err
	}
	var x *grant
	var err error
	if isCredit {
		x, err = w.grantNamed(customer, creditID, credit)
	} else {
		x, err = w.grantNamed(customer, commitID, prepaid, postpaid)
	}
	return x, err
}

func editCredit(c *call) (any, error) { return c.edit(true) }
func editCommit(c *call) (any, error) { return c.edit(false) }

func (c *call) edit(isCredit bool) (any, error) {
	var in editIn
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.target(in.Customer, in.Credit, in.Commit, isCredit)
	if err != nil {
		return nil, err
	}
	if x.Archived != nil {
		return nil, invalid("%s is archived", x.ID)
	}
	changed := *x
	if in.Priority != nil {
		changed.Priority = &in.Priority.amount
	}
	changed.Name, changed.Description = or(in.Name, x.Name), or(in.Description, x.Description)
	changed.Product, changed.RateType = or(in.Product, x.Product), or(in.RateType, x.RateType)
	changed.Products, changed.Tags, changed.Specifiers = or(in.Products, x.Products), or(in.Tags, x.Tags), or(in.Specifiers, x.Specifiers)
	if err := c.fixed(changed.Product); err != nil {
		return nil, err
	}
	if err := c.scope(&changed); err != nil {
		return nil, err
	}
	changed.Segments = nil
	for _, s := range x.Segments {
		twin := *s
		changed.Segments = append(changed.Segments, &twin)
	}
	if err := c.editSegments(&changed, in); err != nil {
		return nil, err
	}
	*x = changed
	c.tellGrant(x, "edit", nil)
	c.live()
	return obj{"data": obj{"id": x.ID}}, nil
}

func (w *world) editSegments(x *grant, in editIn) error {
	for _, item := range in.Access.Update {
		s := x.segment(item.ID)
		if s == nil {
			return missing("Segment", item.ID)
		}
		if item.Amount != nil {
			s.Amount = w.rounded(item.Amount.amount)
		}
		if item.Start != nil {
			s.Start = item.Start.Time
		}
		if item.End != nil {
			s.End = item.End.Time
			s.Ended = s.Ended && !s.End.After(w.now)
		}
		if err := w.sound(s); err != nil {
			return err
		}
		if err := w.notPast(item.End); err != nil {
			return err
		}
	}
	for _, item := range in.Access.Remove {
		if x.segment(item.ID) == nil {
			return missing("Segment", item.ID)
		}
		if w.finalized(x, item.ID) {
			return invalid("Segment %s is used by a finalized invoice and cannot be removed", item.ID)
		}
		x.drop(item.ID)
	}
	for _, item := range in.Access.Add {
		s, err := w.newSegment(item)
		if err != nil {
			return err
		}
		x.Segments = append(x.Segments, s)
	}
	if len(x.Segments) == 0 {
		return invalid("access_schedule must keep at least one schedule item")
	}
	return nil
}

// drop takes a segment out, with what was entered into it.
func (x *grant) drop(id string) {
	x.Segments = slices.DeleteFunc(slices.Clone(x.Segments), func(s *segment) bool { return s.ID == id })
	x.Manuals = slices.DeleteFunc(slices.Clone(x.Manuals), func(m *manual) bool { return m.Segment == id })
}

func (w *world) notPast(end *moment) error {
	if end != nil && w.a.Variant(pastEndRefused) && end.Before(w.now) {
		return invalid("the end %s has passed", stamp(end.Time))
	}
	return nil
}

// finalized says that a finalized invoice drew on a grant, or on one segment
// of it.
func (w *world) finalized(x *grant, segment string) bool {
	for _, inv := range w.st.Invoices.Rows {
		if inv.Status != finalized {
			continue
		}
		for _, d := range inv.Drawn {
			if d.Grant == x.ID && (segment == "" || d.Segment == segment) {
				return true
			}
		}
	}
	return false
}

func endCredit(c *call) (any, error) { return c.end(true) }
func endCommit(c *call) (any, error) { return c.end(false) }

// end makes a grant's access end earlier.
func (c *call) end(isCredit bool) (any, error) {
	var in struct {
		Customer string  `json:"customer_id"`
		Credit   string  `json:"credit_id"`
		Commit   string  `json:"commit_id"`
		Access   *moment `json:"access_ending_before"`
		Invoices *moment `json:"invoices_ending_before"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := c.living(in.Customer); err != nil {
		return nil, err
	}
	id, kinds := in.Commit, []string{prepaid}
	if isCredit {
		id, kinds = in.Credit, []string{credit}
	}
	x, err := c.grantNamed(in.Customer, id, kinds...)
	if err != nil {
		return nil, err
	}
	if in.Access == nil && (isCredit || in.Invoices == nil) {
		return nil, invalid("access_ending_before is required")
	}
	if x.Archived != nil {
		return nil, invalid("%s is archived", x.ID)
	}
	for name, m := range map[string]*moment{"access_ending_before": in.Access, "invoices_ending_before": in.Invoices} {
		if err := aligned(name, m); err != nil {
			return nil, err
		}
	}
	if in.Access != nil {
		if err := c.shorten(x, in.Access); err != nil {
			return nil, err
		}
	}
	if in.Invoices != nil && x.Invoicing != nil {
		x.Invoicing.Items = slices.DeleteFunc(x.Invoicing.Items, func(i *installment) bool { return i.Invoice == "" && !i.At.Before(in.Invoices.Time) })
	}
	c.tellGrant(x, "edit", nil)
	c.live()
	return obj{"data": obj{"id": x.ID}}, nil
}

// shorten cuts segments off at an instant.
func (w *world) shorten(x *grant, end *moment) error {
	if err := w.notPast(end); err != nil {
		return err
	}
	last := time.Time{}
	for _, s := range x.Segments {
		if s.End.After(last) {
			last = s.End
		}
	}
	if end.After(last) {
		return invalid("access_ending_before %s is after the end %s; it can only be moved earlier", stamp(end.Time), stamp(last))
	}
	if !slices.ContainsFunc(x.Segments, func(s *segment) bool { return s.Start.Before(end.Time) }) {
		return invalid("access_ending_before %s is not after the start of the first schedule item", stamp(end.Time))
	}
	for _, s := range slices.Clone(x.Segments) {
		if !s.Start.Before(end.Time) {
			x.drop(s.ID)
		}
		if s.End.After(end.Time) {
			s.End = end.Time
		}
	}
	return nil
}

func archiveCredit(c *call) (any, error) { return c.archive(true) }
func archiveCommit(c *call) (any, error) { return c.archive(false) }

func (c *call) archive(isCredit bool) (any, error) {
	var in struct {
		Customer string `json:"customer_id"`
		Credit   string `json:"credit_id"`
		Commit   string `json:"commit_id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.target(in.Customer, in.Credit, in.Commit, isCredit)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Archived != nil && c.a.Variant(archiveRepeatRefused):
		return nil, invalid("%s is archived already", x.ID)
	case x.Archived == nil && c.finalized(x, ""):
		return nil, invalid("%s is used by a finalized invoice; void the invoice first", x.ID)
	case x.Archived == nil:
		at := c.now
		x.Archived = &at
		c.tellGrant(x, "archive", nil)
		c.live()
	}
	return obj{"data": obj{"id": x.ID}}, nil
}

// addManual adjusts a segment by hand.
func addManual(c *call) (any, error) {
	var in struct {
		Customer string             `json:"customer_id"`
		Contract string             `json:"contract_id"`
		ID       string             `json:"id"`
		Segment  string             `json:"segment_id"`
		Amount   *numeral           `json:"amount"`
		Reason   string             `json:"reason"`
		At       *moment            `json:"timestamp"`
		PerGroup map[string]numeral `json:"per_group_amounts"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := c.customer(in.Customer); err != nil {
		return nil, err
	}
	x, err := c.grantNamed(in.Customer, in.ID)
	if err != nil {
		return nil, err
	}
	s := x.segment(in.Segment)
	switch {
	case in.Contract != x.Contract:
		return nil, invalid("contract_id %q does not fit: the credit or commit belongs to %q", in.Contract, x.Contract)
	case s == nil:
		return nil, missing("Segment", in.Segment)
	case in.Amount == nil:
		return nil, invalid("amount is required")
	case in.Reason == "":
		return nil, invalid("reason is required")
	case x.Archived != nil:
		return nil, invalid("%s is archived", x.ID)
	case c.a.Variant(manualOnEndedRefused) && !c.now.Before(s.End):
		return nil, invalid("segment %s has ended", s.ID)
	}
	at := s.Start
	if in.At != nil {
		at = in.At.Time
	}
	x.Manuals = append(x.Manuals, &manual{Segment: s.ID, Amount: c.rounded(in.Amount.amount), Reason: in.Reason, At: at, Late: !c.now.Before(s.End)})
	c.touched(x.Customer)
	return nil, nil
}
