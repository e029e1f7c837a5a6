package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// storageSettings are what the address of a PostgreSQL may say behind its "?",
// and how: anything else would be sent to the server as a setting of the
// session, which could undo what the store relies on.
var storageSettings = map[string]*regexp.Regexp{
	"host":                   regexp.MustCompile(`^/.`), // the folder of a socket
	"sslmode":                regexp.MustCompile(`^(disable|allow|prefer|require|verify-ca|verify-full)$`),
	"sslrootcert":            regexp.MustCompile(`.`),
	"sslcert":                regexp.MustCompile(`.`),
	"sslkey":                 regexp.MustCompile(`.`),
	"passfile":               regexp.MustCompile(`.`),
	"target_session_attrs":   regexp.MustCompile(`^(read-write|primary)$`),
	"connect_timeout":        regexp.MustCompile(`^[1-9][0-9]?$`),
	"application_name":       regexp.MustCompile(`^[ -~]{1,63}$`),
	"pool_max_conns":         regexp.MustCompile(`^[1-9][0-9]{0,3}$`),
	"pool_max_conn_lifetime": regexp.MustCompile(`^[1-9][0-9]*[smh]$`),
}

const storageForms = "storage must be sqlite: and a path, such as sqlite:scrip.db, or the address of a PostgreSQL, such as postgres://scrip@db.internal/scrip"

// storage accepts a path, the address of a PostgreSQL, or where either of them
// stands. What it refuses it does not repeat: an address may hold a password.
func (r *reader) storage(f field, c *Config) {
	text, ok := r.text(f, 4096)
	if !ok {
		return
	}
	c.Storage = text
	byName := strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:")
	value, what, err := text, "", error(nil)
	if byName {
		value, what, err = r.resolve(text)
	}
	if err == nil {
		err = c.store(text, value, byName)
	}
	if err == nil || byName && r.env.AnyStorage {
		return
	}
	if byName {
		err = fmt.Errorf("storage: %s%w", what, err)
	}
	r.fault(f.value.at, "%s", err)
}

// store takes what storage means; ref is how the file says it.
func (c *Config) store(ref, value string, byName bool) error {
	scheme, _, isURL := strings.Cut(value, "://")
	if file, isFile := strings.CutPrefix(value, "sqlite:"); isFile {
		switch {
		case strings.HasPrefix(file, ":memory:"):
			return errors.New("storage in memory is lost when the process ends, write sqlite: and a path")
		case file == "" || isURL:
			return errors.New(storageForms)
		}
		c.Storage = value
		return nil
	}
	if !isURL || scheme != "postgres" && scheme != "postgresql" {
		return errors.New(storageForms)
	}
	if err := checkAddress(value, byName); err != nil {
		return err
	}
	c.Database = NewSecret(ref, value)
	return nil
}

// checkAddress says what is wrong with the URL of a PostgreSQL, never what
// stands in it.
func checkAddress(text string, secret bool) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("storage: the address cannot be read, write postgres://USER@HOST:PORT/DATABASE, special characters as %XX")
	}
	if _, has := u.User.Password(); has && !secret {
		return errors.New("storage holds a password: put the address into an environment variable or a file of its own, and write env:NAME or file:/path")
	}
	if u.User.Username() == "" {
		return errors.New("storage: the address names no user, write postgres://USER@HOST/DATABASE")
	}
	if db := strings.TrimPrefix(u.Path, "/"); db == "" || strings.Contains(db, "/") || u.Fragment != "" {
		return errors.New("storage: the address names no database, write postgres://USER@HOST/DATABASE")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("storage: what follows ? in the address cannot be read, write NAME=VALUE&NAME=VALUE")
	}
	for name, values := range query {
		rule, known := storageSettings[name]
		switch {
		case !known:
			return fmt.Errorf("storage: the address may say %s, and nothing else, behind ?", strings.Join(slices.Sorted(maps.Keys(storageSettings)), ", "))
		case len(values) != 1:
			return fmt.Errorf("storage: the address says %s twice", name)
		case !rule.MatchString(values[0]):
			return fmt.Errorf("storage: what the address says for %s is not possible, it must match %s", name, rule)
		}
	}
	return checkHosts(u.Host, query)
}

// checkHosts holds an address to one place, or to several of which the one
// that takes writes is looked for.
func checkHosts(list string, query url.Values) error {
	hosts := strings.Split(list, ",")
	if socket := query.Has("host"); socket != (list == "") {
		return errors.New("storage: the address must name a host, or the folder of a socket as host=/folder, one of them")
	}
	if len(hosts) > 1 && !query.Has("target_session_attrs") {
		return errors.New("storage: an address with several hosts needs target_session_attrs=read-write, since only one of them takes writes")
	}
	for _, h := range hosts {
		name, port, has := strings.Cut(h, ":")
		if end := strings.LastIndex(h, "]"); end >= 0 { // IPv6
			name = h[:end+1]
			_, port, has = strings.Cut(h[end:], ":")
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if list != "" && name == "" || has && (err != nil || n == 0) {
			return errors.New("storage: a host of the address is not written as HOST or HOST:PORT")
		}
	}
	return nil
}

// DatabaseName is the PostgreSQL that the config names, for people: hosts and
// database without user, password and settings.
func (c *Config) DatabaseName() string {
	u, err := url.Parse(c.Database.Reveal())
	if err != nil {
		return c.Storage
	}
	host := u.Host
	if host == "" {
		host = path.Clean(u.Query().Get("host"))
	}
	return host + u.Path
}

// SameDatabase reports whether both name one database, whoever asks it and
// with whatever password.
func (c *Config) SameDatabase(other *Config) bool {
	if (c.Database.Reveal() == "") != (other.Database.Reveal() == "") {
		return false
	}
	if c.Database.Reveal() == "" {
		return c.Storage == other.Storage
	}
	return c.DatabaseName() == other.DatabaseName()
}
