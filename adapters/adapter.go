package adapters

import (
	"context"
	"net/http"
	"time"

	"scrip/core"
)

// Adapter is what every vendor must do.
type Adapter interface {
	// Traits are the facts of the vendor that no method set can show.
	Traits() Traits
	// Verify checks a delivery's authenticity over its raw bytes, before
	// anything is parsed. now is wall time. Any failure is the same
	// [CodeUnauthorized] error: what failed is not told.
	Verify(d Delivery, now time.Time) error
	// Normalise turns a verified body into neutral terms. An unknown type is
	// no error: it gives an event of kind [UnknownEvent]. A body that cannot
	// be what the vendor sends is a [CodeInvalid] error.
	Normalise(body []byte) (Event, error)
	// Probe makes one cheap read to see that the credentials work.
	Probe(ctx context.Context) error
}

// Delivery is a webhook request as it arrived.
type Delivery struct {
	Header http.Header
	Body   []byte
}

// The optional interfaces. ctx bounds each call; Port sets a deadline. Every
// write takes its idempotency key from its order and may be repeated with it.
type (
	// Preparer makes, or finds, the vendor's objects that orders rest on,
	// such as meters and prices. It looks before it makes and is safe to repeat.
	Preparer interface {
		Prepare(ctx context.Context, o Setup) (Answer, error)
	}
	// CustomerWriter creates or updates a customer.
	CustomerWriter interface {
		PutCustomer(ctx context.Context, o CustomerOrder) (Answer, error)
	}
	// GrantWriter gives the vendor a grant to hold. [CodeFull] says that it has
	// no room for another of this customer: the grant is offered again later.
	GrantWriter interface {
		CreateGrant(ctx context.Context, o GrantOrder) (Answer, error)
	}
	// GrantEnder withdraws what is left of a grant at the vendor.
	GrantEnder interface {
		EndGrant(ctx context.Context, o EndOrder) (Answer, error)
	}
	// ConsumptionWriter tells the consumption of one window.
	ConsumptionWriter interface {
		Consume(ctx context.Context, o ConsumeOrder) (Answer, error)
	}
	// ConsumptionCanceller takes back windows that were told.
	ConsumptionCanceller interface {
		CancelConsumption(ctx context.Context, o CancelOrder) (Answer, error)
	}
	// Seller asks a customer to pay for a pack.
	Seller interface {
		Sell(ctx context.Context, o SellOrder) (Answer, error)
	}
	// Finder looks an object up by the mark an order left on it. It settles
	// writes whose answer was lost. An Answer without links means that the
	// object is not there.
	Finder interface {
		Find(ctx context.Context, m Mark) (Answer, error)
	}
	// CarrierWriter makes what a customer's consumption is billed by.
	CarrierWriter interface {
		PutCarrier(ctx context.Context, o CarrierOrder) (Answer, error)
	}
	// CustomerReader lists the vendor's customers, for comparison.
	CustomerReader interface {
		Customers(ctx context.Context, p Page) (Listing[VendorCustomer], error)
	}
	// GrantReader lists a customer's grants as the vendor holds them.
	GrantReader interface {
		Grants(ctx context.Context, customer string, p Page) (Listing[VendorGrant], error)
	}
	// UsageReader sums the consumption told for a customer, in quanta.
	UsageReader interface {
		Usage(ctx context.Context, o UsageQuery) (int64, error)
	}
	// Refunder gives money of a sale back, the order's price, and finds the sale
	// behind money that went back or is contested, where an event names only the
	// vendor's own payment: Trace answers with the event and the purchase in it,
	// or as it was when the payment is for none of ours. It changes nothing.
	Refunder interface {
		Refund(ctx context.Context, o SellOrder) (Answer, error)
		Trace(ctx context.Context, e Event) (Event, error)
	}
	// Confirmer reads back what an event with Hint tells: it asks the vendor for
	// the event's object and returns the event as the vendor's answer proves it,
	// with Hint false. An object that is not there is a [CodeNotFound] error; one
	// that does not bear the event out gives the event that it does bear out.
	Confirmer interface {
		Confirm(ctx context.Context, e Event) (Event, error)
	}
	// EventLister lists events that were sent, to recover those that never
	// arrived; bodies are as a webhook would carry them.
	EventLister interface {
		Events(ctx context.Context, since core.Time, p Page) (Listing[[]byte], error)
	}
	// Sweeper recovers events that never arrived where the vendor lists none:
	// it reads the objects that they were about. customer is the vendor's id of
	// the customer whose objects are read, or "" for what belongs to no one
	// customer, the customers themselves among them. An unknown customer is a
	// [CodeNotFound] error.
	//
	// Bodies are as a webhook would carry them and mean the same to Normalise,
	// but for an id of our own, which is the same at each sweep. Only what
	// happens to an object once is told, such as its creation, so that type and
	// object name the fact; and nothing that has no effect. An object that is
	// not read whole is an error, never an event left out.
	Sweeper interface {
		Sweep(ctx context.Context, since core.Time, customer string, p Page) (Listing[[]byte], error)
	}
)

// Page asks for a part of a list: at most Limit items after Cursor.
type Page struct {
	Cursor string
	Limit  int
}

// Listing is a part of a list. Next is empty at its end.
type Listing[T any] struct {
	Items []T
	Next  string
}
