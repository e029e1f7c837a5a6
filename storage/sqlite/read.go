package sqlite

import (
	"zombiezen.com/go/sqlite"

	"scrip/core"
	"scrip/core/ledger"
)

// readAccount reads an account with its live grants, and their rows, and its
// open holds; nil when it has no row.
func readAccount(conn *sqlite.Conn, key ledger.AccountKey) (*core.Account, map[core.ID]grantRow, error) {
	var a *core.Account
	var openHolds int64
	name, bucket := accountName(key), bucketOf(key)
	q := query(conn, "SELECT seq, head, consumed, holds, windows, became, overdrawn, policy, acts FROM accounts WHERE bucket = ? AND account = ?")
	err := q.ints(bucket).text(name).each(func(r *row) error {
		a = &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}, Seq: r.int()}
		r.hash(&a.Head)
		a.Consumed, openHolds = r.amount(), r.int()
		a.Windows = parseWindows(r.text())
		a.Became, a.Overdrawn, a.Stored, a.Acts = r.text(), r.amount(), r.text(), r.time()
		return nil
	})
	if err != nil || a == nil {
		return nil, nil, err
	}
	rows := map[core.ID]grantRow{}
	grants := query(conn, "SELECT rowid, "+grantColumns+" FROM grants WHERE bucket = ? AND account = ? AND live = 1")
	err = grants.ints(bucket).text(name).each(func(r *row) error {
		pos := r.int()
		g := r.grant()
		rows[g.ID] = grantRow{pos, true, g.Closed, g.Away}
		a.Grants = append(a.Grants, g)
		return nil
	})
	if err != nil || openHolds == 0 {
		return a, rows, err
	}
	holds := query(conn, "SELECT "+holdColumns+" FROM holds WHERE bucket = ? AND account = ? AND state = 'open' ORDER BY created, id")
	return a, rows, holds.ints(bucket).text(name).each(func(r *row) error {
		a.Holds = append(a.Holds, r.hold())
		return nil
	})
}

func readGrant(conn *sqlite.Conn, id core.ID) (key ledger.AccountKey, g *core.Grant, pos int64, err error) {
	q := query(conn, "SELECT account, rowid, "+grantColumns+" FROM grants WHERE bucket = ? AND id = ?")
	err = q.ints(int64(id.Bucket())).text(string(id)).each(func(r *row) error {
		key, pos = accountKey(r.text()), r.int()
		found := r.grant()
		g = &found
		return nil
	})
	return key, g, pos, err
}

func readHold(conn *sqlite.Conn, id core.ID) (key ledger.AccountKey, h *core.Hold, err error) {
	q := query(conn, "SELECT account, "+holdColumns+" FROM holds WHERE bucket = ? AND id = ?")
	err = q.ints(int64(id.Bucket())).text(string(id)).each(func(r *row) error {
		key = accountKey(r.text())
		found := r.hold()
		h = &found
		return nil
	})
	return key, h, err
}

func readRequest(conn *sqlite.Conn, hash string) (req *ledger.Request, err error) {
	q := query(conn, "SELECT "+requestColumns+" FROM requests WHERE hash = ?")
	err = q.text(hash).each(func(r *row) error { req = r.request(); return nil })
	return req, err
}

func readRecord(conn *sqlite.Conn, key ledger.RecordKey) (rec *ledger.Record, err error) {
	q := query(conn, "SELECT "+recordColumns+" FROM records WHERE kind = ? AND id = ?")
	err = q.text(key.Kind, key.ID).each(func(r *row) error {
		found := r.record()
		rec = &found
		return nil
	})
	return rec, err
}

func readLinks(conn *sqlite.Conn, key ledger.LinkKey) (links []ledger.Link, err error) {
	q := query(conn, "SELECT connection, neutral, role, vendor FROM links WHERE connection = ? AND neutral = ? ORDER BY role, vendor")
	err = q.text(key.Connection, key.Neutral).each(func(r *row) error { links = append(links, r.link()); return nil })
	return links, err
}

func readEvent(conn *sqlite.Conn, id core.ID) (e *ledger.Event, err error) {
	q := query(conn, "SELECT "+eventColumns+" FROM inbox WHERE id = ?")
	err = q.text(string(id)).each(func(r *row) error {
		found := r.event()
		e = &found
		return nil
	})
	return e, err
}

func readIntent(conn *sqlite.Conn, id core.ID) (i *ledger.Intent, err error) {
	q := query(conn, "SELECT "+intentColumns+" FROM outbox WHERE id = ?")
	err = q.text(string(id)).each(func(r *row) error {
		found := r.intent()
		i = &found
		return nil
	})
	return i, err
}
