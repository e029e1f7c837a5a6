package sim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// kind is what two failures have in common that are the same one: the words of
// the message before its first figure or name.
func kind(why string) string {
	words := strings.FieldsFunc(why, func(r rune) bool { return strings.ContainsRune(" \n", r) })
	plain := slices.DeleteFunc(words, func(w string) bool { return strings.ContainsAny(w, "0123456789\"_{}[]") })
	return strings.Join(plain[:min(6, len(plain))], " ")
}

// shrink makes a failing run smaller for as long as it may take: it tries to do
// without whole kinds of trouble, then without steps, in ever smaller chunks.
func shrink(t *testing.T, bad result, patience time.Duration) result {
	end := time.Now().Add(patience)
	try := func(p plan) bool {
		if time.Now().After(end) {
			return false
		}
		r := run(t, p, nil)
		if r.why == "" || kind(r.why) != kind(bad.why) {
			return false
		}
		bad = r
		return true
	}
	for _, trouble := range troubles {
		p := bad.plan
		p.without = strings.Trim(p.without+","+trouble, ",")
		try(p)
	}
	for size := len(bad.plan.taken()) / 2; size > 0; {
		cut := false
		for at := 0; at < len(bad.plan.taken()); {
			p := bad.plan
			steps := p.taken()
			p.steps = slices.Concat(steps[:at], steps[min(at+size, len(steps)):])
			if try(p) {
				cut = true
				continue
			}
			at += size
		}
		if !cut || size > 1 {
			size /= 2
		}
	}
	return bad
}

func TestSteps(t *testing.T) {
	for _, text := range []string{"none", "0", "0-3,7", "1,3,5-6"} {
		steps, err := readSteps(text)
		if err != nil || writeSteps(steps) != text {
			t.Errorf("%q is read as %v and written as %q (%v)", text, steps, writeSteps(steps), err)
		}
	}
	if _, err := readSteps("1-x"); err == nil {
		t.Error("1-x was read")
	}
}
