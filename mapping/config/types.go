// Package config reads scrip.yaml: strictly, with the line and column of
// every fault, and secrets only by reference.
package config

import (
	"time"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/rate"
	"scrip/core/sale"
	"scrip/mapping"
)

// Config is the desired state that scrip.yaml describes.
type Config struct {
	Storage     string // "sqlite:PATH", or how the file names a PostgreSQL; it holds no password
	Database    Secret // the URL of the PostgreSQL; none with SQLite
	Listen      string
	SecretKey   Secret
	RetainRaw   time.Duration // raw webhook bodies; 0 keeps them for ever
	Units       []Unit        // the first is what the rate card and rates of connections are in
	Convert     *Conversion   // the unit takes another's place; figures are as written, and packs have no credits yet, until [Config.Over]
	Retired     []Retired     // every change of unit so far, the oldest first, set by [Config.Over]
	Connections []Connection
	Route       mapping.Route
	Order       core.Order
	Holds       Holds
	Deficit     Deficit
	Refunds     sale.Shortfall // for credits that are spent when their money goes back
	Late        time.Duration  // how old a late fact may be
	Skew        time.Duration  // how far ahead a fact may be
	NextOpen    bool           // what happened in a closed period counts in the next open one; else it is refused
	Cards       rate.Cards     // versions of the rate card, the oldest first
	Packs       map[string]mapping.Pack
	Plans       map[string]plan.Terms  // by name, in the first unit
	TopUp       *TopUpForm             // as it is written, nil for none
	Alerts      *AlertsForm            // likewise
	Rules       map[string]*plan.Rules // by unit, what TopUp and Alerts mean
	Digest      string                 // SHA-256 of the file, in hex
	draft       *draft                 // the figures of a file with convert, as they are written
}

// Unit is a unit and its list prices.
type Unit struct {
	core.Unit
	Prices []core.Price // list value of one unit, one per currency; may be empty
}

// Connection is a vendor account with its secrets.
type Connection struct {
	mapping.Connection
	APIKey         Secret
	WebhookSecrets []Secret
}

// Holds are the lives of holds.
type Holds struct {
	Default time.Duration
	Max     time.Duration
}

// Unit returns the unit of that code.
func (c *Config) Unit(code string) (Unit, bool) {
	for _, u := range c.Units {
		if u.Code == code {
			return u, true
		}
	}
	return Unit{}, false
}
