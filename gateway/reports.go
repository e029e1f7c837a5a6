package gateway

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"scrip/core"
	"scrip/gateway/reports"
)

// mostReports is how many reports are written at once: each keeps a reading
// connection, and what was committed since it began, until it ends.
const mostReports = 2

// TiesOutTrailer names the trailer that follows a report: true when every sum
// of money in it equals its parts.
const TiesOutTrailer = "Scrip-Ties-Out"

// defaultTop is how many customers hoarding lists for each unit.
const defaultTop = "20"

type reportParams struct {
	Name    string `path:"name" enum:"liability,revenue,breakage,price,hoarding,unit"`
	At      string `query:"at" format:"date-time" doc:"as of this instant, now when left out; what happened at it counts"`
	KnownAt string `query:"known_at" format:"date-time" doc:"as it was known at this instant; as it is known now when left out"`
	Format  string `query:"format" enum:"json,csv,table" doc:"json when left out"`
	By      string `query:"by" enum:"grant,customer,total" doc:"how fine the rows of liability and revenue are; customer when left out"`
	Top     string `query:"top" doc:"how many customers hoarding lists for each unit, 20 when left out; 0 lists all"`
}

func (g *gateway) mountReports() {
	rt := route{method: http.MethodGet, path: "/v1/reports/{name}", id: "get-report", summary: "What finance and pricing ask of the ledger", tag: "reports", slow: true}
	inside := make(chan struct{}, mostReports)
	register(g, read, rt, func(ctx context.Context, p *reportParams, _ *none) (*answer[func(huma.Context)], error) {
		q, err := p.request(g.now())
		if err != nil {
			return nil, err
		}
		return ok(func(huma.Context) {
			select {
			case inside <- struct{}{}:
				defer func() { <-inside }()
				g.writeReport(ctx, q)
			default:
				c := callOf(ctx)
				g.writeProblem(c.w, g.problem(c, errBusy()))
			}
		})
	})
	row := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}, Description: "the cells that hold something, by column; amounts are decimals"}
	at := &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	operationAt(g.api.OpenAPI(), rt).Responses["200"].Content = map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"report", "at", "rows"},
			Properties: map[string]*huma.Schema{
				"report": {Type: huma.TypeString}, "at": at, "known_at": at, "rows": {Type: huma.TypeArray, Items: row},
			},
		}},
		"text/csv": text, "text/plain": text,
	}
}

// request reads the parameters.
func (p *reportParams) request(now core.Time) (q reports.Request, err error) {
	q = reports.Request{Name: p.Name, Format: p.Format, By: p.By}
	if q.Format == "" {
		q.Format = "json"
	}
	if q.At, err = timeField(p.At, "at"); err != nil {
		return q, err
	}
	if q.Known, err = timeField(p.KnownAt, "known_at"); err != nil {
		return q, err
	}
	if p.Top == "" {
		p.Top = defaultTop
	}
	if q.Top, err = strconv.Atoi(p.Top); err != nil {
		return q, core.InField(core.Errorf(core.CodeInvalid, "the number of customers must be from 0 to %d", reports.MostTop), "top")
	}
	return q, q.Check(now)
}

// writeReport answers with a report as it is read. One that fails before its
// first bytes is answered by a problem; later the connection is cut, so that no
// part is taken for the whole.
func (g *gateway) writeReport(ctx context.Context, q reports.Request) {
	c := callOf(ctx)
	out := &begun{to: c.w, contentType: reports.ContentType(q.Format)}
	done, err := reports.Write(ctx, out, g.Ledger, g.Config, q)
	if err == nil {
		c.w.Header().Set(TiesOutTrailer, strconv.FormatBool(done.TiesOut))
		return
	}
	if err = readFault(err); !out.yes {
		g.writeProblem(c.w, g.problem(c, err))
		return
	}
	g.Log.Error("a report broke off", "request_id", c.id, "report", q.Name, "error", causes(err))
	panic(http.ErrAbortHandler)
}

// begun remembers whether anything of an answer was written.
type begun struct {
	to          http.ResponseWriter
	contentType string
	yes         bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.to.Header().Set("Content-Type", b.contentType)
		b.to.Header().Set("Trailer", TiesOutTrailer)
		b.to.WriteHeader(http.StatusOK)
	}
	return b.to.Write(p)
}
