package rest

import "encoding/json"

// Texts is an object of strings, such as metadata. What is no object is
// nothing, and pairs whose value is no string are left out.
type Texts map[string]string

// UnmarshalJSON never fails.
func (t *Texts) UnmarshalJSON(b []byte) error {
	*t = nil
	var pairs map[string]json.RawMessage
	if json.Unmarshal(b, &pairs) != nil {
		return nil
	}
	*t = Texts{}
	for k, raw := range pairs {
		var v string
		if json.Unmarshal(raw, &v) == nil {
			(*t)[k] = v
		}
	}
	return nil
}
