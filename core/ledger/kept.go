package ledger

import (
	"context"
	"encoding/json"
)

// KeptCards lists the versions of the rate card that customers keep, each with
// one who does.
func (l *Ledger) KeptCards(ctx context.Context) (map[string]string, error) {
	const page = 1000
	kept := map[string]string{}
	for after := ""; ; {
		list, err := l.Reader().Records.List(ctx, settingsKind, after, page)
		if err != nil {
			return nil, err
		}
		for i := range list {
			after = list[i].ID
			var form struct {
				Card string `json:"rate_card"`
			}
			if err := json.Unmarshal(list[i].Body, &form); err != nil {
				return nil, err
			}
			if form.Card != "" && !list[i].Deleted && kept[form.Card] == "" {
				kept[form.Card] = after
			}
		}
		if len(list) < page {
			return kept, nil
		}
	}
}
