package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// ParseStorage reads a storage as the config's field of that name is read:
// sqlite: and a path, the address of a PostgreSQL, or env:NAME or file:/path
// where one of them stands. One of path and database is set. No error repeats
// what was read.
func ParseStorage(text string, env Env) (path string, database Secret, err error) {
	if env.Lookup == nil {
		env.Lookup = os.LookupEnv
	}
	if env.ReadFile == nil {
		env.ReadFile = readSecretFile
	}
	if len(text) > 4096 {
		return "", Secret{}, errors.New(storageForms)
	}
	c, value, what := &Config{}, text, ""
	byName := strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:")
	if byName {
		r := &reader{env: env}
		if value, what, err = r.resolve(text); err != nil {
			return "", Secret{}, fmt.Errorf("storage: %s%w", what, err)
		}
	}
	if err := c.store(text, value, byName); err != nil {
		if what != "" {
			err = fmt.Errorf("%s: %w", strings.TrimSpace(what), err)
		}
		return "", Secret{}, err
	}
	if c.Database.Reveal() != "" {
		return "", c.Database, nil
	}
	return strings.TrimPrefix(c.Storage, "sqlite:"), Secret{}, nil
}
