package postgres

import (
	"fmt"
	"strings"
)

// form is one statement in two forms that do the same: within one bucket,
// which is $1, and over several, whose numbers are one more array. On a
// database that is spread over nodes only the first is one task of one node.
type form struct{ one, many *statement }

// column is a column and the type of its values.
type column struct{ name, kind string }

// columns reads "name kind, name kind".
func columns(text string) []column {
	var list []column
	for _, c := range strings.Split(text, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(c), " ")
		list = append(list, column{name, kind})
	}
	return list
}

// unnest joins one array a column as rows n.
func unnest(list []column, first int) string {
	arrays, names := make([]string, len(list)), make([]string, len(list))
	for i, c := range list {
		arrays[i] = fmt.Sprintf("$%d::%s[]", first+i, c.kind)
		names[i] = c.name
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS n(" + strings.Join(names, ", ") + ")"
}

var bucketColumn = column{"bucket", "int"}

// both makes the two forms of a text in which {n} stands for the rows and {b}
// for their bucket.
func both(name, text string, list []column) form {
	one := strings.NewReplacer("{n}", unnest(list, 2), "{b}", "$1").Replace(text)
	many := strings.NewReplacer("{n}", unnest(append([]column{bucketColumn}, list...), 1), "{b}", "n.bucket").Replace(text)
	return form{&statement{name + "_one", one}, &statement{name + "_many", many}}
}

// selecting reads rows by columns of a key, and keeps others off them where
// lock says so.
func selecting(name, table, what, by, and string) form {
	list := columns(by)
	text := "SELECT " + prefixed("t.", what) + " FROM {n} JOIN " + table + " t ON t.bucket = {b}"
	for _, c := range list {
		text += " AND t." + c.name + " = n." + c.name
	}
	return both(name, text+and, list)
}

// updating sets columns of the rows that by names.
func updating(name, table, by, set string) form {
	keys, values := columns(by), columns(set)
	sets := make([]string, len(values))
	for i, c := range values {
		sets[i] = c.name + " = n." + c.name
	}
	text := "UPDATE " + table + " t SET " + strings.Join(sets, ", ") + " FROM {n} WHERE t.bucket = {b}"
	for _, c := range keys {
		text += " AND t." + c.name + " = n." + c.name
	}
	return both(name, text, append(keys, values...))
}

// deleting deletes the rows that by names.
func deleting(name, table, by string) form {
	list := columns(by)
	text := "DELETE FROM " + table + " t USING {n} WHERE t.bucket = {b}"
	for _, c := range list {
		text += " AND t." + c.name + " = n." + c.name
	}
	return both(name, text, list)
}

// inserting inserts rows. Within one bucket they come joined to its fence row:
// so the insert is one node's own, like all else.
func inserting(name, table, values, conflict string) form {
	list := columns(values)
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.name
	}
	into := "INSERT INTO " + table + " (bucket, " + strings.Join(names, ", ") + ") SELECT "
	if conflict != "" {
		conflict = " ON CONFLICT " + conflict
	}
	one := into + "f.bucket, n." + strings.Join(names, ", n.") + " FROM buckets f, " + unnest(list, 2) + " WHERE f.bucket = $1" + conflict
	many := into + "n.bucket, n." + strings.Join(names, ", n.") + " FROM " + unnest(append([]column{bucketColumn}, list...), 1) + conflict
	return form{&statement{name + "_one", one}, &statement{name + "_many", many}}
}

// prefixed puts a table's name before each of some columns.
func prefixed(prefix, list string) string {
	return prefix + strings.ReplaceAll(list, ", ", ", "+prefix)
}

// excluded sets columns to the values that met an existing row.
func excluded(names ...string) string {
	for i, n := range names {
		names[i] = n + " = excluded." + n
	}
	return strings.Join(names, ", ")
}

// Statements without a bucket of their own.
var (
	beginText    = &statement{"begin", "BEGIN ISOLATION LEVEL READ COMMITTED"}
	commitText   = &statement{"commit", "COMMIT"}
	rollbackText = &statement{"rollback", "ROLLBACK"}
	snapshotText = &statement{"snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
	singleText   = &statement{"single", "SET LOCAL citus.max_adaptive_executor_pool_size = 1"}
	patienceText = &statement{"patience", "SET LOCAL idle_in_transaction_session_timeout = '60s'"}
)

// The fence, taken in the order of the buckets.
var lockBuckets = form{
	&statement{"fence_one", "SELECT bucket, next_pos, next_item, version, at, writer FROM buckets WHERE bucket = $1 FOR UPDATE"},
	&statement{"fence_many", "SELECT bucket, next_pos, next_item, version, at, writer FROM buckets WHERE bucket = ANY($1::int[]) ORDER BY bucket FOR UPDATE"},
}

// What a commit reads.
var (
	findRequests = form{
		selecting("requests", "requests", requestColumns, "hash text", "").one,
		&statement{"requests_many", "SELECT " + prefixed("t.", requestColumns) + " FROM requests t WHERE t.hash = ANY($1::text[])"},
	}
	findAccounts = selecting("accounts", "accounts", accountColumns, "account text", "")
	findGrants   = selecting("grants", "grants", "account, "+grantColumns, "account text", " AND t.live")
	findHolds    = selecting("holds", "holds", "account, "+holdColumns, "account text", " AND t.state = 'open'")
	nameGrants   = selecting("grants_named", "grants", "account, "+grantColumns, "id text", "")
	nameHolds    = selecting("holds_named", "holds", "account, "+holdColumns, "id text", "")
	findNaturals = selecting("naturals", "naturals", "key, id", "key text", "")
	findRecords  = selecting("records", "records", recordColumns, "kind text, id text", "")
	findLinks    = selecting("links", "links", linkColumns, "connection text, neutral text", " ORDER BY t.role, t.vendor")
	findEvents   = selecting("inbox", "inbox", eventColumns, "id text", " FOR UPDATE OF t")
	findIntents  = selecting("outbox", "outbox", intentColumns, "id text", " FOR UPDATE OF t")
)

// What a commit writes, in the order in which it does.
var (
	moveBuckets = both("buckets_move", "UPDATE buckets t SET next_pos = n.next_pos, next_item = n.next_item, version = n.version, at = n.at, writer = n.writer "+
		"FROM {n} WHERE t.bucket = {b}", columns("next_pos bigint, next_item bigint, version bigint, at bigint, writer bigint"))
	moveAccounts = updating("accounts_move", "accounts", "account text",
		"seq bigint, head bytea, consumed bigint, holds bigint, windows text")
	putAccounts = inserting("accounts_put", "accounts",
		"account text, seq bigint, head bytea, consumed bigint, holds bigint, windows text, due bigint, became text, overdrawn bigint, policy text, acts bigint",
		"(bucket, account) DO UPDATE SET "+excluded("seq", "head", "consumed", "holds", "windows", "due", "became", "overdrawn", "policy", "acts"))
	moveGrants = updating("grants_move", "grants", "id text", "remaining bigint, held bigint, ended bigint")
	turnGrants = updating("grants_turn", "grants", "id text",
		"remaining bigint, held bigint, ended bigint, away bigint, closed text, live boolean")
	addGrants = inserting("grants_add", "grants",
		"account text, live boolean, id text, seq bigint, amount bigint, remaining bigint, held bigint, ended bigint, away bigint, closed text, category text, "+
			"priority bigint, starts bigint, expires bigint, paid bigint, currency text, actions text, source text, metadata text, recorded bigint", "")
	putHolds = inserting("holds_put", "holds",
		"account text, id text, state text, amount bigint, captured bigint, parts text, created bigint, expires bigint, resolved bigint, protect boolean, "+
			"action text, card text, price text",
		"(bucket, id) DO UPDATE SET "+excluded("account", "state", "amount", "captured", "parts", "resolved", "price"))
	addEntries = inserting("entries_add", "entries",
		"pos bigint, account text, seq bigint, kind text, grant_id text, source text, amount bigint, effective bigint, recorded bigint, hash bytea", "")
	addRequests = inserting("requests_add", "requests",
		"hash text, operation text, key text, account text, fields text, code text, result bytea, first_seq bigint, last_seq bigint, amount bigint, reversed bigint, at bigint", "")
	moveRequests  = updating("requests_move", "requests", "hash text", "reversed bigint")
	clearRequests = updating("requests_clear", "requests", "hash text", "fields text, result bytea")
	bareGrants    = updating("grants_bare", "grants", "id text", "metadata text")
	addNaturals   = inserting("naturals_add", "naturals", "key text, id text", "")
	putRecords    = inserting("records_put", "records",
		"kind text, id text, version bigint, keys text, body bytea, deleted boolean, at bigint",
		"(bucket, kind, id) DO UPDATE SET "+excluded("version", "keys", "body", "deleted", "at"))
	dropKeys  = deleting("record_keys_drop", "record_keys", "kind text, key text, id text")
	addKeys   = inserting("record_keys_add", "record_keys", "kind text, key text, id text", "")
	dropLinks = deleting("links_drop", "links", "connection text, neutral text, role text, vendor text")
	addLinks  = inserting("links_add", "links", "connection text, neutral text, role text, vendor text", "DO NOTHING")
	putEvents = inserting("inbox_put", "inbox",
		"pos bigint, leased bigint, id text, connection text, vendor_id text, type text, body bytea, digest text, received bigint, state text, reason text, "+
			"attempts bigint, retry_at bigint, fence bigint, settled bigint",
		"(bucket, id) DO UPDATE SET body = CASE WHEN length(excluded.body) = 0 THEN ''::bytea ELSE inbox.body END, leased = 0, "+
			excluded("type", "state", "reason", "attempts", "retry_at", "settled"))
	// An intent that is there is left alone. Where it is another's, its kind
	// would become null, which the column refuses.
	addIntents = inserting("outbox_add", "outbox",
		"pos bigint, leased bigint, id text, connection text, customer text, kind text, ref text, body bytea, due bigint, state text, reason text, "+
			"attempts bigint, retry_at bigint, fence bigint, created bigint, settled bigint, tried boolean",
		"(bucket, id) DO UPDATE SET kind = NULL WHERE (outbox.connection, outbox.customer, outbox.kind) <> (excluded.connection, excluded.customer, excluded.kind)")
	settleIntents = both("outbox_settle", "UPDATE outbox t SET body = n.body, due = n.due, state = n.state, reason = n.reason, attempts = n.attempts, "+
		"retry_at = n.retry_at, settled = n.settled, tried = n.tried, leased = CASE WHEN n.kept THEN t.leased ELSE 0 END FROM {n} WHERE t.bucket = {b} AND t.id = n.id",
		columns("id text, body bytea, due bigint, state text, reason text, attempts bigint, retry_at bigint, settled bigint, tried boolean, kept boolean"))
)

// reads and writes list the statements of a commit, writes in their order.
func reads() []form {
	return []form{
		lockBuckets, findRequests, findAccounts, findGrants, findHolds, nameGrants, nameHolds,
		findNaturals, findRecords, findLinks, findEvents, findIntents,
	}
}

func writes() []form {
	return []form{
		moveBuckets, moveAccounts, putAccounts, moveGrants, turnGrants, addGrants, putHolds, addEntries,
		addRequests, moveRequests, clearRequests, bareGrants, addNaturals, putRecords, dropKeys, addKeys, dropLinks, addLinks,
		putEvents, addIntents, settleIntents,
	}
}
