package sandbox

import (
	"html/template"
	"net/http"
)

// hostedPage is all a person needs to pay in a sandbox. It is a function, since
// packages hold no state.
func hostedPage() *template.Template {
	return template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title>
<style>body{font:16px system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.6rem 1.4rem}</style></head>
<body><h1>{{.Title}}</h1>{{range .Lines}}<p>{{.}}</p>{{end}}
{{if .Payable}}<form method="post"><button type="submit">Pay</button></form>{{end}}
<p><small>Sandbox: no money moves.</small></p></body></html>
`))
}

// serveHosted shows a payment link's page and takes its one click. The link is
// the permission, so no key is asked for.
func (s *Server) serveHosted(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	for _, a := range s.all() {
		if a.serveHosted(w, r, id) {
			return
		}
	}
	http.Error(w, "there is no such invoice in this sandbox", http.StatusNotFound)
}

func (a *Account) serveHosted(w http.ResponseWriter, r *http.Request, id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.srv.vendor
	if v.Hosted == nil {
		return false
	}
	a.enter()
	page, ok := v.Hosted(a, id)
	if !ok {
		return false
	}
	if r.Method == http.MethodPost {
		if err := v.Pay(a, Payment{Object: id, Outcome: "paid"}); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return true
		}
		http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
		return true
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	hostedPage().Execute(w, page) //nolint:errcheck // the client may be gone
	return true
}
