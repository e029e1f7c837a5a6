package gateway

import (
	"encoding/base64"
	"strconv"
	"strings"

	"scrip/core"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// list is one page of anything.
type list[T any] struct {
	Data []T     `json:"data"`
	Next *string `json:"next_cursor" doc:"where the next page begins; null at the end"`
}

// limitOf reads ?limit=.
func limitOf(text string) (int, error) {
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n < 1 || n > maxLimit {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "the limit must be a whole number from 1 to %d", maxLimit), "limit")
	}
	return int(n), nil
}

// cursorVersion leads every cursor, so that a later form can be told apart.
const cursorVersion = "1"

// cursorOf makes the opaque form of a position in a list of some kind.
func cursorOf(kind string, parts ...string) *string {
	text := base64.RawURLEncoding.EncodeToString([]byte(strings.Join(append([]string{cursorVersion, kind}, parts...), "\x1f")))
	return &text
}

// positionOf reads a cursor back: exactly n parts of that kind, or nil for no
// cursor.
func positionOf(cursor, kind string, n int) ([]string, error) {
	if cursor == "" {
		return nil, nil
	}
	fault := core.InField(core.Errorf(core.CodeMalformed, "the cursor is not one that this list gave"), "cursor")
	if len(cursor) > 4096 {
		return nil, fault
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, fault
	}
	parts := strings.Split(string(raw), "\x1f")
	if len(parts) != n+2 || parts[0] != cursorVersion || parts[1] != kind {
		return nil, fault
	}
	return parts[2:], nil
}

// numberAt is [positionOf] for lists whose position is one number.
func numberAt(cursor, kind string) (int64, error) {
	parts, err := positionOf(cursor, kind, 1)
	if err != nil || parts == nil {
		return 0, err
	}
	n, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || n < 0 {
		return 0, core.InField(core.Errorf(core.CodeMalformed, "the cursor is not one that this list gave"), "cursor")
	}
	return n, nil
}

// textAt is [positionOf] for lists whose position is one text.
func textAt(cursor, kind string) (string, error) {
	parts, err := positionOf(cursor, kind, 1)
	if err != nil || parts == nil {
		return "", err
	}
	return parts[0], nil
}

// pageOf makes a page of items that were read with a limit one above the
// page's: the one too many says that there is a next page.
func pageOf[T, V any](items []T, limit int, view func(*T) V, cursor func(*T) *string) list[V] {
	page := list[V]{Data: make([]V, 0, min(len(items), limit))}
	for i := range items {
		if i == limit {
			page.Next = cursor(&items[i-1])
			break
		}
		page.Data = append(page.Data, view(&items[i]))
	}
	return page
}
