package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"scrip/adapters"
	"scrip/core"
)

// Env is what a config is read against: where secrets come from, and which
// vendors there are.
type Env struct {
	Lookup    func(name string) (string, bool)  // environment variables, [os.LookupEnv] when nil
	ReadFile  func(path string) ([]byte, error) // files of secrets; when nil they are read and must not be world-readable
	Providers []Provider

	// AnyStorage takes a storage that is written as a reference as it is
	// written where it cannot be resolved: nobody will open it.
	AnyStorage bool
}

// Provider is what a config needs to know of a vendor.
type Provider struct {
	Name          string
	Strategies    []adapters.Strategy      // the first is the default
	WhyNot        string                   // why the other strategies are missing
	HoldsUnits    bool                     // its balances are units; else they are money, and a unit needs a rate there
	Decimals      int                      // of its units, 0 where it documents none
	Draws         bool                     // its lots are debited one by one, by us
	StartsNow     bool                     // it cannot be given a grant before the grant starts
	NamesCarrier  bool                     // a carrier may be named whatever the strategy
	CarrierLeads  bool                     // its grants hang on the carrier, so that one is named whatever the strategy
	CannotCollect bool                     // it asks nobody for money: packs are paid through another connection
	Live          func(apiKey string) bool // whether a key reaches live data; nil: no key does
}

// Load reads and checks a config file. What is wrong with the content is a
// [*Faults]; a file that cannot be read is a [core.CodeInvalid] error.
func Load(path string, env Env) (*Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Errorf(core.CodeInvalid, "config file %q does not exist, scrip init writes one", path)
	}
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "config file %q cannot be opened, check its permissions", path)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "config file %q cannot be read, check that it is a file", path)
	}
	return Parse(filepath.Base(path), data, env)
}

// Parse reads and checks a config. Every fault is found at once and returned
// as a [*Faults] that names the file as name. No fault holds a secret.
func Parse(name string, data []byte, env Env) (*Config, error) {
	if env.Lookup == nil {
		env.Lookup = os.LookupEnv
	}
	if env.ReadFile == nil {
		env.ReadFile = readSecretFile
	}
	r := &reader{file: name, env: env}
	var c *Config
	if root, ok := r.tree(data); ok {
		c = r.config(root)
	}
	if len(r.faults) > 0 {
		return nil, newFaults(r.faults)
	}
	digest := sha256.Sum256(data)
	c.Digest = hex.EncodeToString(digest[:])
	return c, nil
}

// The fields at the top of the file.
const (
	topFields = "version storage listen secret_key retention unit units convert connections route burn_order holds windows deficit refunds rate_card packs plans top_up alerts mapping"
	topLater  = ""
)

func (r *reader) config(root *node) *Config {
	top := r.object(field{at: pos{1, 1}, value: root}, "the config", topFields, topLater)
	c := &Config{
		Storage: "sqlite:scrip.db", Listen: "127.0.0.1:8080", Order: core.DefaultOrder(),
		Holds: Holds{Default: 15 * time.Minute, Max: day}, Late: 34 * day, Skew: 5 * time.Minute,
	}
	if !top.ok {
		return c
	}
	if f, ok := top.need("version"); ok {
		if text, ok := r.text(f, maxEcho); ok && text != "1" {
			r.fault(f.value.at, "version %q of the format is unknown, write 1", text)
		}
	}
	if f, ok := top.get("storage"); ok {
		r.storage(f, c)
	}
	if f, ok := top.get("listen"); ok {
		c.Listen = r.listen(f)
	}
	if f, ok := top.get("secret_key"); ok {
		c.SecretKey = r.secret(f)
	}
	if f, ok := top.get("burn_order"); ok {
		c.Order = r.burnOrder(f)
	}
	r.times(top, c)
	found := r.conversions(top)
	c.Units = r.units(top)
	r.conversion(found, c)
	r.deficit(top, c)
	r.refunds(top, c)
	c.Connections = r.connections(top)
	r.route(top, c)
	r.rateCards(top, c)
	r.packs(top, c)
	r.plans(top, c)
	r.watch(top, c)
	r.mappings(top, c)
	return c
}

func (r *reader) listen(f field) string {
	text, ok := r.text(f, 300)
	if !ok {
		return ""
	}
	_, port, err := net.SplitHostPort(text)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || strconv.FormatUint(n, 10) != port {
		r.fault(f.value.at, "listen: %s is not an address such as 127.0.0.1:8080", shown(text))
	}
	return text
}

func (r *reader) burnOrder(f field) core.Order {
	var names []string
	for _, item := range r.names(f) {
		name, ok := r.text(item, maxEcho)
		if !ok {
			continue
		}
		if _, err := core.ParseOrder(append(names, name)); err != nil {
			r.fault(item.value.at, "%s", err)
			continue
		}
		names = append(names, name)
	}
	order, _ := core.ParseOrder(names)
	if f.value.kind == aList && len(f.value.items) == 0 {
		r.fault(f.value.at, "burn_order is empty, remove it to have the default")
	}
	return order
}

// times reads the sections that hold durations alone.
func (r *reader) times(top object, c *Config) {
	section := func(name, known string) object {
		if f, ok := top.get(name); ok {
			return r.object(f, name, known, "")
		}
		return object{r: r}
	}
	span := func(o object, name string, into *time.Duration, least, most time.Duration) pos {
		f, ok := o.get(name)
		if !ok {
			return o.at
		}
		r.duration(f, into, least, most)
		return f.value.at
	}
	span(section("retention", retentionFields), "raw", &c.RetainRaw, day, 3660*day)
	holds := section("holds", holdsFields)
	at := span(holds, "default", &c.Holds.Default, time.Second, 31*day)
	span(holds, "max", &c.Holds.Max, time.Second, 31*day)
	if c.Holds.Default > c.Holds.Max {
		r.fault(at, "holds last %s by default and %s at most, the default must not be longer", spanText(c.Holds.Default), spanText(c.Holds.Max))
	}
	windows := section("windows", windowsFields)
	span(windows, "late", &c.Late, time.Second, 366*day)
	span(windows, "skew", &c.Skew, time.Second, day)
	if f, ok := windows.get("closed"); ok {
		switch text, ok := r.text(f, maxEcho); {
		case !ok || text == "refuse":
		case text == "next_open":
			c.NextOpen = true
		default:
			r.fault(f.value.at, "closed: %q is unknown, write refuse or next_open", text)
		}
	}
}
