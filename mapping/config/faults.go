package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"scrip/core"
)

// Fault is one thing wrong with a config file, and where.
type Fault struct {
	File    string
	Line    int       // from 1
	Column  int       // from 1, in characters
	Code    core.Code // [core.CodeInvalid], or [core.CodeNotSupported] for a known field that cannot be used
	Message string
}

// String is "file:line:column: message", the form that editors jump to.
func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// Faults is the error of a config file: all that is wrong with it at once, in
// the order of the file. As a [core.Error] its code is [core.CodeInvalid].
type Faults struct {
	List []Fault
}

// shownFaults bounds the text of the error; the list is whole.
const shownFaults = 50

// Error is a line for each fault.
func (f *Faults) Error() string {
	var b strings.Builder
	for i, fault := range f.List {
		if i == shownFaults {
			fmt.Fprintf(&b, "\nand %d more", len(f.List)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(fault.String())
	}
	return b.String()
}

// Unwrap gives the faults a code for whoever only asks [core.CodeOf].
func (f *Faults) Unwrap() error {
	return core.Errorf(core.CodeInvalid, "%s", f.Error())
}

func newFaults(list []Fault) *Faults {
	slices.SortStableFunc(list, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Faults{List: list}
}

// maxEcho is how much of the input a message repeats: enough for a name, less
// than most keys and passwords that could stand in a wrong place.
const maxEcho = 40

// shown quotes input for a message, or tells its length where it is long.
func shown(text string) string {
	if len(text) > maxEcho {
		return fmt.Sprintf("of %d characters", len(text))
	}
	return fmt.Sprintf("%q", text)
}

// near ends a message about an unknown name: the nearest one that is known or
// that is only refused, or all that are known.
func near(name string, known []string, also ...string) string {
	best, distance := "", 3
	for _, k := range slices.Concat(known, also) {
		if d := editDistance(name, k); d < distance && d < len(name) {
			best, distance = k, d
		}
	}
	const most = 24
	switch {
	case best != "":
		return fmt.Sprintf(", did you mean %q?", best)
	case len(known) == 0:
		return ", there is none"
	case len(known) > most:
		return fmt.Sprintf(", known are %s and %d more", strings.Join(known[:most], ", "), len(known)-most)
	}
	return ", known are " + strings.Join(known, ", ")
}

// editDistance is the Levenshtein distance, cut at 3: farther is no typing error.
func editDistance(a, b string) int {
	const far = 3
	if len(a) > len(b)+far || len(b) > len(a)+far || len(a) > 100 {
		return far
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(far, row[len(b)])
}
