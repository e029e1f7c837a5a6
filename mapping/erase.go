package mapping

import "scrip/core/ledger"

// EraseBody takes what an intent's body says of a person, and leaves the id. A
// body that says nothing is returned as it is. [ledger.Ledger.Erase] looks for
// this method.
func (o *Outward) EraseBody(raw []byte) ([]byte, bool) {
	b, err := DecodeBody(raw)
	if err != nil {
		return raw, false
	}
	found := false
	for _, c := range []**ledger.Customer{&b.Customer, &b.Attempt.Ensure} {
		if *c == nil || !(*c).Personal() {
			continue
		}
		found = true
		*c = &ledger.Customer{ID: (*c).ID, Currency: (*c).Currency, Created: (*c).Created}
	}
	if !found {
		return raw, false
	}
	return b.Encode(), true
}
