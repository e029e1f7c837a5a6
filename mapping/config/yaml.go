package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The bounds of a file. The parser's time grows with the square of a mapping's
// length, so that the number of tokens is bounded too.
const (
	maxBytes  = 1 << 20
	maxTokens = 50_000
	maxDepth  = 16
)

// tree reads the file as a tree of nodes, or leaves faults. What YAML has
// beyond mappings, lists and one-line scalars is refused before it is parsed:
// anchors, tags and further documents could say something else than a reader
// of the file sees.
func (r *reader) tree(data []byte) (root *node, ok bool) {
	if len(data) > maxBytes {
		r.fault(pos{1, 1}, "the file has %d bytes, at most %d are read", len(data), maxBytes)
		return nil, false
	}
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	if !r.cleanText(data) {
		return nil, false
	}
	// The parser is not ours and the file is not trusted: should it panic, the
	// file is at fault and the process goes on.
	defer func() {
		if recover() != nil {
			r.fault(pos{1, 1}, "the file cannot be read as YAML")
			root, ok = nil, false
		}
	}()
	tokens := joinColons(lexer.Tokenize(string(data)))
	if !r.plainTokens(tokens) {
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		r.fault(pos{1, 1}, "the file is not one YAML document")
		return nil, false
	}
	before := len(r.faults)
	root = r.node(file.Docs[0].Body, 0)
	return root, len(r.faults) == before
}

// cleanText refuses what is no text, and tabs where YAML forbids them.
func (r *reader) cleanText(data []byte) bool {
	ok := true
	at, indent := pos{1, 1}, true
	var widths []int
	for i, c := range string(data) {
		switch {
		case c == utf8.RuneError && !bytes.HasPrefix(data[i:], []byte("\ufffd")):
			r.fault(at, "the file is not UTF-8 text")
			return false
		case c == '\n':
			widths = append(widths, at.column-1)
			at, indent = pos{at.line + 1, 0}, true
		case c == '\t' && indent:
			r.fault(at, "a tab stands in the indentation, use spaces")
			ok, indent = false, false
		case c < ' ' && c != '\t' || c == 0x7f:
			r.fault(at, "the control character %q stands in the file", c)
			return false
		case c != ' ':
			indent = false
		}
		at.column++
	}
	r.widths = append(widths, at.column-1)
	return ok
}

// refused says why a kind of token may not stand in a config.
var refused = map[token.Type]string{
	token.AnchorType:      "anchors are not read, write the value where it is needed",
	token.AliasType:       "aliases are not read, write the value itself (quote a text that begins with *)",
	token.MergeKeyType:    "merge keys are not read, write the fields out",
	token.TagType:         "tags are not read, remove it (quote a text that begins with !)",
	token.DirectiveType:   "directives are not read, remove it",
	token.MappingKeyType:  "complex keys are not read, write key: value",
	token.DocumentEndType: "the document ends here, remove the line: a config is one document",
	token.LiteralType:     "block texts are not read, write the text on one line",
	token.FoldedType:      "block texts are not read, write the text on one line",
}

// plainTokens checks what the parser is about to see, which also bounds how
// deep it can recurse.
func (r *reader) plainTokens(tokens token.Tokens) bool {
	before := len(r.faults)
	content, depth, entries, line := false, 0, 0, 0
	for i, tk := range tokens {
		at := position(tk)
		if why := refused[tk.Type]; why != "" {
			r.fault(at, "%s", why)
		}
		if at.line != line {
			line, entries = at.line, 0
		}
		switch tk.Type {
		case token.DirectiveType:
			return false
		case token.InvalidType:
			r.fault(at, "not valid YAML: %s", tk.Error)
			return false
		case token.CommentType:
			continue
		case token.DocumentHeaderType:
			if content {
				r.fault(at, "a second document begins here, a config is one document")
			}
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			entries++
		case token.StringType, token.SingleQuoteType, token.DoubleQuoteType:
			if i > 0 && blockText(tokens[i-1].Type) {
				break
			}
			if strings.Contains(strings.TrimSpace(tk.Origin), "\n") {
				r.fault(at, "the text goes on over several lines, write it on one")
			}
		}
		content = true
		if i > maxTokens {
			r.fault(at, "the file has too many parts, at most %d are read", maxTokens)
			return false
		}
		if depth+entries > maxDepth {
			r.fault(at, "the file is nested deeper than %d levels", maxDepth)
			return false
		}
	}
	if !content {
		r.fault(pos{1, 1}, "the file is empty, scrip init writes one to begin with")
	}
	return len(r.faults) == before
}

func blockText(t token.Type) bool { return t == token.LiteralType || t == token.FoldedType }

// joinColons mends the lexer, which inside { } cuts a list's env:NAME at its
// colon, although a colon ends a key only before a blank.
func joinColons(tokens token.Tokens) token.Tokens {
	var out token.Tokens
	for i := 0; i < len(tokens); i++ {
		tk := tokens[i]
		for i+2 < len(tokens) && plainScalar(tk) && tokens[i+1].Type == token.MappingValueType &&
			plainScalar(tokens[i+2]) && touches(tk, tokens[i+1]) && touches(tokens[i+1], tokens[i+2]) {
			rest := tokens[i+2]
			tk = token.String(tk.Value+":"+rest.Value, tk.Origin+":"+rest.Origin, tk.Position)
			i += 2
		}
		out.Add(tk)
	}
	return out
}

// touches reports whether b begins where a ends.
func touches(a, b *token.Token) bool {
	return a.Position.Line == b.Position.Line && a.Position.Column+utf8.RuneCountInString(a.Value) == b.Position.Column
}

func plainScalar(tk *token.Token) bool {
	switch tk.Type {
	case token.StringType, token.BoolType, token.NullType, token.InfinityType, token.NanType, token.IntegerType,
		token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType, token.FloatType:
		return true
	}
	return false
}

// syntax reports a parser's error without the excerpt of the file that it
// carries, which could hold a secret.
func (r *reader) syntax(err error) {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		r.fault(pos{1, 1}, "the file is not valid YAML")
		return
	}
	r.fault(position(e.GetToken()), "not valid YAML: %s", e.GetMessage())
}

func position(tk *token.Token) pos {
	if tk == nil || tk.Position == nil {
		return pos{1, 1}
	}
	return pos{max(1, tk.Position.Line), max(1, tk.Position.Column)}
}

// node turns the parser's tree into ours, with the scalars as they are written.
func (r *reader) node(n ast.Node, depth int) *node {
	at := position(n.GetToken())
	if depth > maxDepth {
		r.fault(at, "the file is nested deeper than %d levels", maxDepth)
		return &node{kind: nothing, at: at}
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{kind: nothing, at: at}
	case ast.MapNode:
		return r.mappingNode(n, at, depth)
	case *ast.SequenceNode:
		list := &node{kind: aList, at: at}
		for _, item := range n.Values {
			list.items = append(list.items, r.node(item, depth+1))
		}
		return list
	case ast.ScalarNode:
		tk := n.GetToken()
		quoted := tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType
		return &node{kind: aScalar, at: at, text: tk.Value, quoted: quoted}
	}
	r.fault(at, "not valid YAML: a value is expected here")
	return &node{kind: nothing, at: at}
}

func (r *reader) mappingNode(n ast.MapNode, at pos, depth int) *node {
	m := &node{kind: aMapping, at: at}
	seen := map[string]pos{}
	for it := n.MapRange(); it.Next(); {
		tk := it.Key().GetToken()
		f := field{key: tk.Value, at: position(tk)}
		if first, twice := seen[f.key]; twice {
			r.fault(f.at, "field %s stands here a second time, the first is on line %d", shown(f.key), first.line)
			continue
		}
		seen[f.key] = f.at
		if it.Value() == nil {
			f.value = &node{kind: nothing, at: f.at}
		} else {
			f.value = r.node(it.Value(), depth+1)
		}
		m.fields = append(m.fields, f)
	}
	if len(m.fields) > 0 {
		m.at = m.fields[0].at
	}
	return m
}
