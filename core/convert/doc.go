// Package convert changes what balances are counted in: credits into smaller
// credits, credits into money, money into credits. It is pure: it reads an
// account and says what each grant, each part of each hold and each price
// becomes; whoever applies it writes the entries.
//
// An account's new total is the exact value of the old one, rounded once, to
// the nearest part with ties to the even one. Its grants share that total by
// largest remainder, ties in burn order, so that they add up to it; the parts
// of holds share their grant's in the same way. What rounding added or took is
// the residual, an exact fraction that is named and never spread.
package convert
