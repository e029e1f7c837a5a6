package postgres

import (
	"strconv"
	"strings"

	"scrip/core"
)

// The windows of an account are read and written with every debit, so they
// are kept as plain words: connection number opened closes told base moves, and
// what is apart where something is, one window a line.

func formatWindows(windows []core.Window) string {
	if len(windows) == 0 {
		return ""
	}
	var buf [128]byte
	b := buf[:0]
	for _, w := range windows {
		b = append(b, w.Connection...)
		for _, n := range [...]int64{w.Number, int64(w.Opened), int64(w.Closes), int64(w.Told), int64(w.Base), w.Moves} {
			b = strconv.AppendInt(append(b, ' '), n, 10)
		}
		if w.Apart != 0 {
			b = strconv.AppendInt(append(b, ' '), int64(w.Apart), 10)
		}
		b = append(b, '\n')
	}
	return string(b)
}

func parseWindows(text string) []core.Window {
	var windows []core.Window
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		w := core.Window{}
		w.Connection, line, _ = strings.Cut(line, " ")
		var n [7]int64
		for i := range n {
			var word string
			word, line, _ = strings.Cut(line, " ")
			n[i], _ = strconv.ParseInt(word, 10, 64) // this program wrote it
		}
		w.Number, w.Opened, w.Closes, w.Told = n[0], core.Time(n[1]), core.Time(n[2]), core.Amount(n[3])
		w.Base, w.Moves, w.Apart = core.Amount(n[4]), n[5], core.Amount(n[6])
		windows = append(windows, w)
	}
	return windows
}
