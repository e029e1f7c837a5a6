package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"scrip/core"
)

// pos is a place in the file, both from 1; columns count characters.
type pos struct{ line, column int }

func (p pos) compare(q pos) int {
	return cmp.Or(cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column))
}

// kind is what a node is.
type kind string

const (
	aScalar  kind = "a single value"
	aMapping kind = "fields"
	aList    kind = "a list"
	nothing  kind = "nothing"
)

// node is a value of the file.
type node struct {
	kind   kind
	at     pos
	text   string // of a scalar, as written
	quoted bool
	fields []field
	items  []*node
}

// field is a value with its key, or an item of a list without one.
type field struct {
	key   string
	at    pos // of the key
	value *node
}

// reader gathers the faults of one file while it is read.
type reader struct {
	file     string
	env      Env
	faults   []Fault
	widths   []int  // characters of each line, once the text is known to be clean
	badPrice bool   // a list price is at fault, so that its absence is none
	draft    *draft // what is noted of a file with convert
}

func (r *reader) fault(at pos, format string, args ...any) {
	r.report(at, core.CodeInvalid, fmt.Sprintf(format, args...))
}

// unsupported reports what is known and cannot be used.
func (r *reader) unsupported(at pos, format string, args ...any) {
	r.report(at, core.CodeNotSupported, fmt.Sprintf(format, args...)+" is not supported yet, remove it")
}

// report keeps a fault. The parser's columns run past the end of some broken
// lines, and are brought back to it.
func (r *reader) report(at pos, code core.Code, message string) {
	if len(r.widths) > 0 {
		at.line = min(at.line, len(r.widths))
		at.column = min(at.column, r.widths[at.line-1]+1)
	}
	r.faults = append(r.faults, Fault{File: r.file, Line: at.line, Column: at.column, Code: code, Message: message})
}

// refuse reports what a rule of the core says about the value of a field.
func (r *reader) refuse(f field, err error) {
	r.fault(f.value.at, "%s: %s", f.key, err)
}

// object is a mapping whose fields have been checked to be known.
type object struct {
	r      *reader
	at     pos    // of its key
	what   string // for messages
	fields []field
	ok     bool // it is a mapping
}

// object reads a mapping with the known fields, given as words. Later names
// fields that belong to the format and cannot be used.
func (r *reader) object(f field, what, known, later string) object {
	o := object{r: r, at: f.at, what: what}
	if !r.is(f, what, aMapping) {
		return o
	}
	o.ok = true
	names, refusedNames := strings.Fields(known), strings.Fields(later)
	for _, part := range f.value.fields {
		switch {
		case slices.Contains(names, part.key):
			o.fields = append(o.fields, part)
		case slices.Contains(refusedNames, part.key):
			r.unsupported(part.at, "field %q of %s", part.key, what)
		case strings.Contains(part.key, ":"):
			name, _, _ := strings.Cut(part.key, ":")
			r.fault(part.at, "field %s of %s needs a blank after its colon", shown(name), what)
		default:
			r.fault(part.at, "field %s of %s is unknown%s", shown(part.key), what, near(part.key, names, refusedNames...))
		}
	}
	return o
}

// get finds a field; one that is there and empty is a fault and not found.
func (o object) get(name string) (field, bool) {
	for _, f := range o.fields {
		if f.key == name {
			if f.value.kind == nothing {
				o.r.fault(f.at, "field %q of %s is empty, give it a value or remove it", name, o.what)
				return f, false
			}
			return f, true
		}
	}
	return field{}, false
}

// has reports whether a field stands there, empty or not.
func (o object) has(name string) bool {
	return slices.ContainsFunc(o.fields, func(f field) bool { return f.key == name })
}

// need is get for a field that must be there.
func (o object) need(name string) (field, bool) {
	f, ok := o.get(name)
	if o.ok && !o.has(name) {
		o.r.fault(o.at, "%s needs the field %q", o.what, name)
	}
	return f, ok
}

// is checks the kind of a value. A value of the wrong kind is not repeated: it
// may be a secret in the wrong place.
func (r *reader) is(f field, what string, want kind) bool {
	if f.value.kind == want {
		return true
	}
	at := f.value.at
	if f.value.kind == nothing {
		at = f.at
	}
	r.fault(at, "%s must be %s, not %s", what, want, f.value.kind)
	return false
}

// text reads a scalar of 1 to limit bytes.
func (r *reader) text(f field, limit int) (string, bool) {
	if !r.is(f, fmt.Sprintf("field %q", f.key), aScalar) {
		return "", false
	}
	switch text := f.value.text; {
	case text == "":
		r.fault(f.value.at, "field %q is empty, give it a value or remove it", f.key)
	case len(text) > limit:
		r.fault(f.value.at, "field %q has %d characters, at most %d are read", f.key, len(text), limit)
	default:
		return text, true
	}
	return "", false
}

// boolean reads true or false.
func (r *reader) boolean(f field) bool {
	text, ok := r.text(f, maxEcho)
	if ok && (f.value.quoted || text != "true" && text != "false") {
		r.fault(f.value.at, "field %q must be true or false, not %q", f.key, text)
	}
	return text == "true"
}

// integer reads a whole number from least to most.
func (r *reader) integer(f field, least, most int64) int64 {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return least
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text || n < least || n > most {
		r.fault(f.value.at, "field %q must be a whole number from %d to %d, not %q", f.key, least, most, text)
		return least
	}
	return n
}

// names reads a list of scalars, each as a field of its own.
func (r *reader) names(f field) []field {
	if !r.is(f, fmt.Sprintf("field %q", f.key), aList) {
		return nil
	}
	var out []field
	for _, item := range f.value.items {
		out = append(out, field{key: f.key, at: item.at, value: item})
	}
	return out
}

// each reads a mapping whose keys are names, such as connections.
func (r *reader) each(f field, what string, most int) []field {
	if !r.is(f, what, aMapping) {
		return nil
	}
	if n := len(f.value.fields); n > most {
		r.fault(f.at, "%s are %d, at most %d are read", what, n, most)
		return nil
	}
	return f.value.fields
}
