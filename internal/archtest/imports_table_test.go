package archtest

// row says what the non-test files of a package may import beside the standard
// library. The first row that matches a package counts; a package without a
// row fails, so that a new room is added here on purpose.
//
// In patterns, "*" is one path element, "/..." at the end is the folder and
// all below it, "{vendor}" is one of the vendors, the same one throughout a
// row. Several patterns are separated by spaces.
type row struct {
	pkg   string
	scrip string // packages of this module
	third string // module or package paths of others; what lies below them too
}

const (
	conc       = "github.com/sourcegraph/conc"
	prometheus = "github.com/prometheus/client_golang"
	rapid      = "pgregory.net/rapid"
)

var rows = []row{
	// The core knows nobody. Rooms beside it know it alone.
	{"core", "", ""},
	{"core/rate core/plan core/books core/convert core/sale core/asof", "core", ""},
	{"core/ledger", "core core/rate core/convert core/plan core/sale core/asof", conc},

	// A store holds SQL and its driver, no rule of the domain.
	{"storage/sqlite", "core core/ledger internal/crash", "zombiezen.com/go/sqlite modernc.org"},
	{"storage/postgres", "core core/ledger internal/crash", "github.com/jackc/pgx/v5"},
	{"storage/pgserver", "", "github.com/jackc/pgx/v5 " + conc},
	// The way from one store to the other is the tables' own.
	{"storage/copying", "core core/ledger storage/sqlite storage/postgres", conc + " zombiezen.com/go/sqlite github.com/jackc/pgx/v5"},
	{"storage/storetest", "core/...", conc + " " + rapid},

	// A vendor's adapter knows the contract and its own vendor. Its sandbox is
	// written from the vendor's wire reference, so it never sees the adapter.
	{"adapters", "core core/sale internal/httpx", conc + " golang.org/x/time/rate"},
	{"adapters/sandbox", "", conc},
	{"adapters/sandbox/sandboxtest", "adapters/sandbox internal/speccheck", conc + " " + rapid},
	{"adapters/{vendor}/sandbox", "adapters/sandbox", conc},
	{"adapters/adaptertest", "core core/sale adapters internal/...", conc + " " + rapid},
	{"adapters/stripe", "core core/sale adapters internal/httpx", conc + " github.com/stripe/stripe-go/v76"},
	{"adapters/{vendor}", "core core/sale adapters internal/httpx internal/rest", conc},
	// What the vendors without an SDK share.
	{"internal/rest", "adapters internal/httpx", ""},

	// Where the core meets vendors: by the contract package alone.
	{"mapping/config", "core/... adapters mapping internal/...", conc + " " + prometheus + " github.com/goccy/go-yaml"},
	{"mapping mapping/* webhooks", "core/... adapters mapping/... webhooks internal/...", conc + " " + prometheus},

	// The HTTP surface reads; it reaches vendors and stores through others.
	{"gateway gateway/*", "core/... mapping mapping/config mapping/sync webhooks gateway/... internal/...",
		"github.com/danielgtaylor/huma/v2 github.com/go-json-experiment/json " + prometheus},

	// Wiring and measuring may see everything.
	{"cmd/...", "...", "*"},
	{"bench/...", "...", "*"},

	// Small helpers know nothing of the domain.
	{"internal/speccheck", "", "github.com/pb33f"},
	{"internal/clock", "core", ""},                                                      // it tells the time in the core's unit
	{"internal/history", "", rapid + " " + conc + " github.com/anishathalye/porcupine"}, // it judges the core, so it shares nothing with it
	{"internal/pgtest", "internal/pgrun", "github.com/jackc/pgx/v5"},
	{"internal/pgrun", "", "github.com/jackc/pgx/v5"},
	{"internal/*", "internal/...", conc + " github.com/hashicorp/go-retryablehttp golang.org/x"},
}

// testOnly are libraries that stand in tests and in the suites that tests
// call, and nowhere else.
var testOnly = []string{"github.com/pb33f", rapid, "github.com/rogpeppe/go-internal", "github.com/anishathalye/porcupine"}

// testSuites are the packages without _test.go that only tests import.
var testSuites = []string{"internal/speccheck", "internal/history", "internal/pgtest", "storage/storetest", "adapters/adaptertest", "adapters/sandbox/sandboxtest"}
