package core

// PurchaseState is where a purchase stands.
type PurchaseState string

// The states of a purchase.
const (
	PurchasePending  PurchaseState = "pending"
	PurchasePaid     PurchaseState = "paid"
	PurchaseFailed   PurchaseState = "failed"
	PurchaseRefunded PurchaseState = "refunded"
	PurchaseDisputed PurchaseState = "disputed"
)

// Purchase is a pack that a customer has chosen to buy. Its price, credits and
// expiry are fixed when it is made; a later change of the pack does not reach it.
type Purchase struct {
	ID         ID            `json:"id"`
	Customer   string        `json:"customer"`
	Pack       string        `json:"pack"`
	Unit       string        `json:"unit"`
	Credits    Amount        `json:"credits"` // parts of the unit
	Price      Money         `json:"price"`
	Months     int           `json:"months,omitempty"` // life of the credits from payment; with Days zero too: never expires
	Days       int           `json:"days,omitempty"`
	Connection string        `json:"connection"` // who collects the money
	State      PurchaseState `json:"state"`
	PayURL     string        `json:"pay_url,omitempty"`
	Object     string        `json:"object,omitempty"` // the vendor's object that was paid
	Grant      ID            `json:"grant,omitempty"`
	Created    Time          `json:"created"`
}

// Payment is what a vendor says about money for a purchase.
type Payment struct {
	Purchase ID
	Object   string // the vendor's invoice or payment
	Paid     Money
	Settled  bool // the vendor calls it paid; anything else is no proof
}

// Prove checks that a payment is exactly what the purchase expects: settled,
// in its currency, for its price. Only then may credits be granted.
func (p *Purchase) Prove(pay Payment) error {
	switch {
	case !pay.Settled:
		return Errorf(CodeInvalid, "payment %q of purchase %q is not settled", pay.Object, string(p.ID))
	case pay.Paid.Currency != p.Price.Currency:
		return Errorf(CodeInvalid, "payment %q is in %q, purchase %q costs %s", pay.Object, string(pay.Paid.Currency), string(p.ID), p.Price)
	case pay.Paid.Minor != p.Price.Minor:
		return Errorf(CodeInvalid, "payment %q is %s, purchase %q costs %s", pay.Object, pay.Paid, string(p.ID), p.Price)
	}
	return nil
}

// Terms are those of the grant that the paid purchase makes at now.
func (p *Purchase) Terms(grant ID, now Time) Terms {
	expires := Never
	if p.Months > 0 || p.Days > 0 {
		expires = now.AddMonths(p.Months) + Time(p.Days)*24*3600*1_000_000
	}
	return Terms{
		ID: grant, Amount: p.Credits, Category: Paid, Priority: DefaultPriority,
		Starts: now, Expires: expires, Paid: p.Price, Source: p.ID,
	}
}
