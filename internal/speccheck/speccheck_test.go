package speccheck

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tiny = `{"openapi":"3.0.0","info":{"title":"t","version":"1"},"paths":{"/v1/things":{
 "get":{"parameters":[{"in":"query","name":"limit","schema":{"type":"integer"}}],"responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}}}}}},
 "post":{"requestBody":{"content":{"application/x-www-form-urlencoded":{"schema":{"type":"object","additionalProperties":false,"required":["email"],
   "properties":{"email":{"type":"string"},"count":{"type":"integer"},"parts":{"type":"array","items":{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}}}}}}},
  "responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}}}}}}}}}`

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.json")
	if err := os.WriteFile(path, []byte(tiny), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"id":"a"}`
	for name, tc := range map[string]struct {
		method, target, body, reply, want string
		status                            int
	}{
		"fits":                     {"POST", "/v1/things", "email=a@example.com&count=2", good, "", 200},
		"escaped address":          {"POST", "/v1/things", "email=a%40example.com", good, "", 200},
		"list without index":       {"POST", "/v1/things", "email=a&parts[][id]=1&parts[][id]=2", good, "", 200},
		"unknown form field":       {"POST", "/v1/things", "email=a&wrong=1", good, "request", 200},
		"missing form field":       {"POST", "/v1/things", "count=1", good, "request", 200},
		"wrong type":               {"POST", "/v1/things", "email=a&count=x", good, "request", 200},
		"refused request may err":  {"POST", "/v1/things", "count=x", good, "", 400},
		"answer lacks a field":     {"POST", "/v1/things", "email=a", `{}`, "answer", 200},
		"known query":              {"GET", "/v1/things?limit=3", "", good, "", 200},
		"unknown query":            {"GET", "/v1/things?offset=3", "", good, `"offset" is not declared`, 200},
		"call not in the document": {"GET", "/v1/other", "", good, "no such call", 200},
	} {
		t.Run(name, func(t *testing.T) {
			x := Exchange{
				Method: tc.method, URL: "http://host" + tc.target, Header: http.Header{}, Body: []byte(tc.body), Status: tc.status,
				ReplyHeader: http.Header{"Content-Type": {"application/json"}}, Reply: []byte(tc.reply),
			}
			if tc.body != "" {
				x.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			got := strings.Join(s.Check(x), "\n")
			if tc.status == 400 {
				got = strings.Join(requestOnly(s.Check(x)), "\n")
			}
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// requestOnly keeps what is said about the request.
func requestOnly(list []string) []string {
	var out []string
	for _, s := range list {
		if strings.Contains(s, ": request: ") {
			out = append(out, s)
		}
	}
	return out
}
