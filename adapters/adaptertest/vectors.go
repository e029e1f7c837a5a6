package adaptertest

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/internal/speccheck"
)

// vector is a delivery with the verdict that it deserves. Fields that differ
// between vendors are kept as texts.
type vector struct {
	Name    string      `json:"name"`
	Secret  string      `json:"secret"`
	Now     string      `json:"now"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	Valid   bool        `json:"valid"`
	Reason  string      `json:"reason"`
}

// material reads a file of the vendor's folder, or skips the test.
func material(t *testing.T, h Harness, name string) []byte {
	t.Helper()
	path, ok := speccheck.Material(h.Material + "/" + name)
	if !ok {
		t.Skipf("%s is not set: it names the folder of vendor material", speccheck.MaterialVariable)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// texts are the fields of an object that hold text.
func texts(into map[string]string, raw json.RawMessage) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return
	}
	for name, value := range fields {
		var text string
		if json.Unmarshal(value, &text) == nil {
			into[name] = text
		}
	}
}

// testSignatures judges every vector, and some changes of the valid ones.
func testSignatures(t *testing.T, h Harness) {
	raw := material(t, h, "webhook-vectors.json")
	var file struct {
		Vectors []json.RawMessage `json:"vectors"`
	}
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatalf("the file has no vectors: %v", err)
	}
	valid := 0
	for _, one := range file.Vectors {
		var v vector
		if err := json.Unmarshal(one, &v); err != nil {
			t.Fatal(err)
		}
		t.Run(v.Name, func(t *testing.T) {
			extra := map[string]string{}
			texts(extra, raw)
			texts(extra, one)
			judge(t, h, v, extra)
		})
		if v.Valid {
			valid++
		}
	}
	if valid == 0 || valid == len(file.Vectors) {
		t.Errorf("%d of %d vectors are valid: they prove nothing", valid, len(file.Vectors))
	}
}

func judge(t *testing.T, h Harness, v vector, extra map[string]string) {
	now := time.Now()
	if v.Now != "" {
		at, err := time.Parse(time.RFC3339Nano, v.Now)
		if err != nil {
			t.Fatal(err)
		}
		now = at
	}
	verify := func(secrets []string, d adapters.Delivery) error {
		a, err := h.New(Access{URL: "http://127.0.0.1:1", Key: canaryKey, Secrets: secrets, Extra: extra, HTTP: quick()})
		if err != nil {
			t.Fatal(err)
		}
		return a.Verify(d, now)
	}
	var secrets, two []string
	if v.Secret != "" {
		secrets, two = []string{v.Secret}, []string{"another-secret", v.Secret}
	}
	d := adapters.Delivery{Header: http.Header{}, Body: []byte(v.Body)}
	for _, h := range v.Headers {
		d.Header.Add(h[0], h[1])
	}
	for _, s := range [][]string{secrets, two} {
		err := verify(s, d)
		if (err == nil) != v.Valid {
			t.Errorf("accepted: %v, want %v (%s)", err == nil, v.Valid, v.Reason)
		}
		if e := adapters.AsError(err); err != nil && e.Code != adapters.CodeUnauthorized {
			t.Errorf("the refusal is %v, want unauthorized and nothing more", err)
		}
	}
	if v.Valid && v.Secret != "" {
		if verify([]string{"another-secret"}, d) == nil {
			t.Error("accepted with another secret")
		}
		if verify(secrets, adapters.Delivery{Header: http.Header{}, Body: d.Body}) == nil {
			t.Error("accepted without its headers")
		}
	}
}
