package sandbox

import "encoding/json"

func createItem(c *call) (any, error) {
	var in struct {
		Name     *string         `json:"name"`
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if or(in.Name, "") == "" {
		return nil, invalid("name: field required")
	}
	metadata, err := merged(nil, in.Metadata)
	if err != nil {
		return nil, err
	}
	return renderItem(c.st.Items.add(&item{ID: c.a.NewID("", 16), Name: *in.Name, Created: c.second(), Metadata: metadata})), nil
}

func renderItem(x *item) obj {
	return obj{"id": x.ID, "name": x.Name, "created_at": stamp(&x.Created), "metadata": x.Metadata, "external_connections": []obj{}, "archived_at": nil}
}

func listItems(c *call) (any, error) {
	return list(c, pageLimit, c.st.Items.Rows, func(*item) bool { return true }, renderItem)
}

func getItem(c *call) (any, error) {
	if x, ok := c.st.Items.get(c.Path("item_id")); ok {
		return renderItem(x), nil
	}
	return nil, missing("item", c.Path("item_id"))
}
