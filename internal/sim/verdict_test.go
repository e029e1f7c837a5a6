package sim

import (
	"scrip/core"
	"scrip/core/ledger"
)

// due is what a command is to be answered, known before it is sent.
type due struct {
	sure      bool // the code is known
	code      core.Code
	available core.Amount // what can be spent on it, where that is known
	counted   bool
}

// moving reports whether a customer's balance is between two units, or in
// another than this life of the program knows, or waits for a renewal.
func (j *judge) moving(customer string) bool {
	if s := j.subs[customer]; s != nil && s.renews(j.w.now()) {
		return true
	}
	unit := j.w.proc.unit().Code
	for _, other := range []string{"credits", "gems"} {
		a := j.accounts[ledger.AccountKey{Customer: customer, Unit: other}]
		if a != nil && (other != unit && !a.away || other == unit && a.away) {
			return true
		}
	}
	return false
}

func (j *judge) due(o *command) due {
	now := j.w.now()
	if o.decided || !j.w.client.known[o.customer] || j.moving(o.customer) {
		return due{}
	}
	unit := j.w.proc.unit().Code
	switch o.op {
	case ledger.OpDebit, ledger.OpHold:
		return j.dueCharge(o, unit, now)
	case ledger.OpCapture, ledger.OpRelease:
		h := j.holds[o.hold]
		if h.account.key.Unit != unit || j.w.office.turned && now >= h.expires { // it may have ended as its unit changed
			return due{}
		}
		if o.op == ledger.OpCapture {
			return j.dueCapture(o, h, now)
		}
		if h.resolved != "" || now >= h.expires {
			return due{sure: true, code: core.CodeHoldNotOpen}
		}
		return due{sure: true}
	case ledger.OpVoid:
		l := j.lots[o.grant]
		switch {
		case l.account.key.Unit != unit:
			return due{}
		case l.closed != "" || l.remaining == 0 || now >= l.expires:
			return due{sure: true, code: core.CodeGrantNotOpen}
		}
		return due{sure: true}
	case ledger.OpReverse:
		return j.dueReverse(o)
	case opRefund: // what the vendor said may not have arrived
		return due{}
	case ledger.OpGrant:
		if o.expires != 0 && now >= o.expires { // it was under way for too long
			return due{sure: true, code: core.CodeInvalid}
		}
	}
	return due{sure: true}
}

func (j *judge) dueCharge(o *command, unit string, now core.Time) due {
	a := j.accounts[ledger.AccountKey{Customer: o.customer, Unit: unit}]
	if a == nil || o.unit != "" && o.unit != unit {
		return due{}
	}
	d := due{available: a.available(j, o.action, now), counted: true}
	if o.amount > 0 {
		if d.sure = true; o.amount > d.available {
			d.code = core.CodeInsufficientCredits
		}
	}
	return d
}

func (j *judge) dueCapture(o *command, h *jHold, now core.Time) due {
	left := max(0, h.amount-h.captured)
	want := o.amount
	switch {
	case o.unit != "" && o.unit != h.account.key.Unit:
		return due{}
	case o.unit == "":
		want = left
	}
	over := core.CodeHoldExceeded
	switch {
	case h.resolved == core.HoldCaptured || h.resolved == core.HoldReleased:
		return due{sure: true, code: core.CodeHoldNotOpen}
	case want > left && !o.over:
		return due{sure: true, code: over}
	}
	reserved := core.Amount(0)
	if now < h.expires {
		for _, p := range h.parts {
			if now < j.lots[p.Grant].expires || h.protect {
				reserved += p.Amount
			}
		}
	}
	if extra := want - reserved; extra > 0 && extra > h.account.available(j, h.action, now) {
		return due{sure: true, code: core.CodeInsufficientCredits}
	}
	return due{sure: true}
}

func (j *judge) dueReverse(o *command) due {
	d := j.taken[o.debit]
	left := -d.reversed
	for _, p := range d.parts {
		left += p.Amount
	}
	if want := o.amount; want > left || want == 0 && left == 0 {
		return due{sure: true, code: core.CodeInvalid}
	}
	return due{sure: true}
}

// decided judges the answer that a key has got for ever.
func (j *judge) decided(o *command, d due, req *ledger.Request, answer map[string]any) {
	w := j.w
	j.stats[o.op]++
	if req.Code != "" {
		j.stats["refused"]++
	}
	if o.sale != nil {
		o.sale.back.asking -= o.minor
		if req.Code == "" {
			o.sale.back.asked += o.minor
		}
	}
	if d.sure && d.code != req.Code {
		w.fail("%s %q is answered %q, %q was due", o.op, o.key, req.Code, d.code)
		return
	}
	if req.Code == core.CodeInsufficientCredits && d.counted && answer["available"] != nil && answer["available"] != amount(d.available) {
		w.fail("%s %q was refused with %v available, there were %s", o.op, o.key, answer["available"], amount(d.available))
	}
	if req.Code != "" {
		return
	}
	switch o.op {
	case ledger.OpGrant:
		if j.lots[o.id] == nil {
			w.fail("grant %q is answered and has no entry", o.id)
		}
	case ledger.OpDebit:
		j.took(o, req)
		if d.counted && req.Amount > d.available {
			w.fail("debit %q took %d where %d could be spent", o.key, req.Amount, d.available)
		}
	case ledger.OpCapture:
		j.took(o, req)
		h := j.holds[o.hold]
		h.captured += req.Amount
		if o.final && w.now() < h.expires {
			j.resolve(h, core.HoldCaptured)
		}
	case ledger.OpRelease:
		j.resolve(j.holds[o.hold], core.HoldReleased)
	case ledger.OpHold:
		if h := j.holds[o.id]; h == nil || o.amount > 0 && h.amount != o.amount {
			w.fail("hold %q is answered and does not reserve %d: %+v", o.key, o.amount, h)
		}
	case ledger.OpVoid:
		l := j.lots[o.grant]
		if l.closed == "" {
			l.closed = core.Void
		}
		for _, x := range j.lots { // what holds keep all of has no entry to say so
			if l.closed == core.Converted && x.from == l.id && x.closed == "" && x.held == x.remaining && x.held > 0 {
				j.reload(x)
			}
		}
	}
}

// took holds an answer against its entries.
func (j *judge) took(o *command, req *ledger.Request) {
	sum := core.Amount(0)
	if d := j.taken[o.id]; d != nil {
		for _, p := range d.parts {
			sum += p.Amount
		}
	}
	if sum != req.Amount || o.op == ledger.OpDebit && o.amount > 0 && sum != o.amount {
		j.w.fail("%s %q of %d took %d by its entries, %d by its answer", o.op, o.key, o.amount, sum, req.Amount)
	}
}

func (j *judge) resolve(h *jHold, how core.HoldState) {
	h.resolved = how
	for _, p := range h.parts {
		if p.Amount != 0 {
			j.w.fail("hold %q is %s and still reserves %d of grant %q", h.id, how, p.Amount, p.Grant)
		}
	}
	for i, x := range h.account.open {
		if x == h {
			h.account.open = append(h.account.open[:i:i], h.account.open[i+1:]...)
			break
		}
	}
}
