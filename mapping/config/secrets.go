package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxSecret bounds a secret's length in bytes.
const maxSecret = 16 << 10

// envName is upper case only, so that a key pasted behind env: by mistake is
// refused without being repeated.
var envName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,99}$`)

// placeholder matches what examples put where a secret belongs.
var placeholder = regexp.MustCompile(`(?i)^(change[-_ ]?me|placeholder|todo|tbd|fixme|replace[-_ ]?me|none|null|your[-_ ].*|insert[-_ ].*|x{3,}|\*+|\.{3}|<.*>|\$\{.*\})$`)

// errOpen says that other users of the machine can read a secret's file.
var errOpen = errors.New("can be read by everyone, take that right away (chmod o-r)")

// secret reads a reference to a secret and what it refers to. Neither a value
// nor what stands in place of a reference is ever part of a fault.
func (r *reader) secret(f field) Secret {
	if !r.is(f, fmt.Sprintf("field %q", f.key), aScalar) {
		return Secret{}
	}
	value, what, err := r.resolve(f.value.text)
	if err != nil {
		r.fault(f.value.at, "%s: %s%s", f.key, what, err)
		return Secret{}
	}
	return NewSecret(f.value.text, value)
}

// resolve reads what a reference refers to; what names the place in an error.
func (r *reader) resolve(ref string) (value, what string, err error) {
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		value, what, err = r.fromEnv(name)
	} else if path, ok := strings.CutPrefix(ref, "file:"); ok {
		value, what, err = r.fromFile(path)
	} else {
		err = errors.New("a secret is written as env:NAME or file:/path, never itself")
	}
	if err == nil {
		err = secretFault(value)
	}
	return value, what, err
}

func (r *reader) fromEnv(name string) (value, what string, err error) {
	if !envName.MatchString(name) {
		return "", "", errors.New("what follows env: is not a name of upper-case letters, digits and underscores")
	}
	value, set := r.env.Lookup(name)
	what = fmt.Sprintf("environment variable %s ", name)
	if !set {
		return "", what, errors.New("is not set")
	}
	return value, what, nil
}

func (r *reader) fromFile(path string) (value, what string, err error) {
	if !filepath.IsAbs(path) || len(path) > 1024 {
		return "", "", errors.New("what follows file: is not an absolute path")
	}
	what = fmt.Sprintf("file %q ", path)
	data, err := r.env.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", what, errors.New("does not exist")
	case errors.Is(err, fs.ErrPermission):
		return "", what, errors.New("may not be read by this user")
	case errors.Is(err, errOpen):
		return "", what, errOpen
	case err != nil:
		return "", what, errors.New("cannot be read")
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), what, nil
}

// secretFault says what keeps a value from being a secret.
func secretFault(value string) error {
	switch {
	case value == "":
		return errors.New("is empty")
	case len(value) > maxSecret:
		return fmt.Errorf("has %d bytes, at most %d are read", len(value), maxSecret)
	case strings.TrimSpace(value) != value:
		return errors.New("begins or ends with a blank")
	case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return errors.New("holds a line break or another control character")
	case placeholder.MatchString(value):
		return errors.New("holds a placeholder, put the secret there")
	}
	return nil
}

// readSecretFile reads a file that only its owner and group may read.
func readSecretFile(path string) ([]byte, error) {
	// Looked at before it is opened too: opening a pipe would wait for a writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o004 != 0 {
		return nil, errOpen
	}
	return io.ReadAll(io.LimitReader(f, maxSecret+3))
}
