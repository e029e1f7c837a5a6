package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// declaredCodes reads the code constants out of the source, so that a new one
// without a class cannot be forgotten.
func declaredCodes(t *testing.T) []Code {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, Code(text))
		return true
	})
	return codes
}

func TestEveryCodeHasAClass(t *testing.T) {
	codes := declaredCodes(t)
	if len(codes) < 20 || len(codes) != len(classes) {
		t.Errorf("%d codes are declared, %d have a class", len(codes), len(classes))
	}
	titles := map[string]Code{}
	for _, code := range codes {
		class, ok := classes[code]
		if !ok {
			t.Errorf("code %q has no class", code)
			continue
		}
		if class != code.Class() {
			t.Errorf("code %q has another class than its own", code)
		}
		if class.HTTP < 400 || class.HTTP > 599 || class.Exit < 1 || class.Exit > 2 || class.Title == "" {
			t.Errorf("code %q has the class %+v", code, class)
		}
		if other, twice := titles[class.Title]; twice {
			t.Errorf("codes %q and %q share the title %q", code, other, class.Title)
		}
		titles[class.Title] = code
		if class.HTTP >= 500 && !class.Retry {
			t.Errorf("code %q is no fault of the caller and says that a retry is useless", code)
		}
	}
	if got := Code("no such code").Class(); got != classes[CodeInternal] {
		t.Errorf("an unknown code has the class %+v", got)
	}
}

func TestErrorTextAndField(t *testing.T) {
	plain := Errorf(CodeInvalid, "amount %q is wrong", "x")
	if plain.Error() != `amount "x" is wrong` {
		t.Errorf("text is %q", plain)
	}
	named := InField(InField(plain, "cost"), "rates")
	if named.Error() != `rates.cost: amount "x" is wrong` || plain.Field != "" {
		t.Errorf("text is %q, the original's field is %q", named, plain.Field)
	}
	if InField(nil, "x") != nil {
		t.Error("no error in a field is an error")
	}
	if other := errors.New("other"); InField(other, "x") != other {
		t.Error("an error without a code is changed")
	}
}

func TestCodeOf(t *testing.T) {
	refusal := Errorf(CodeNotFound, "gone")
	for _, c := range []struct {
		err  error
		want Code
	}{{nil, ""}, {refusal, CodeNotFound}, {fmt.Errorf("while: %w", refusal), CodeNotFound}, {errors.New("disk"), CodeInternal}} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

// A refusal is kept as the answer to its key, so it must survive JSON whole.
func TestErrorJSONRoundTrip(t *testing.T) {
	a := newAccount(lot{"g", 5, 0, 100})
	_, err := a.Debit("d", 7, "", 1, nil)
	raw, failed := json.Marshal(err)
	if failed != nil {
		t.Fatal(failed)
	}
	var back Error
	if failed := json.Unmarshal(raw, &back); failed != nil || back != *err.(*Error) || back.Available != "0.05" || back.Required != "0.07" {
		t.Errorf("%s reads back as %+v, %v", raw, back, failed)
	}
}

func TestClip(t *testing.T) {
	if clip("short") != "short" || len(clip(strings.Repeat("x", 1000))) > 70 {
		t.Error("input is not shortened")
	}
}
