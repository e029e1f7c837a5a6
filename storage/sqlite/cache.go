package sqlite

import (
	"scrip/core"
	"scrip/core/ledger"
)

// cache keeps accounts as this process's last commit left them, so that a
// busy account is not read again for each batch. It is right as long as no
// other connection has written to the file, which the file itself tells;
// whatever a commit takes is given back only when the commit has succeeded.
type cache struct {
	version  int64 // PRAGMA data_version: changes when another connection commits
	accounts map[ledger.AccountKey]cached
}

type cached struct {
	account *core.Account
	loaded  loadedAccount
}

// cacheSize bounds the accounts that are kept.
const cacheSize = 16_384

// refresh forgets everything when another connection has written. It runs
// inside the commit's transaction, in which none can.
func (w *writer) refresh() error {
	var version int64
	q := query(w.conn, "PRAGMA data_version")
	if err := q.each(func(r *row) error { version = r.int(); return nil }); err != nil {
		return err
	}
	if version != w.cache.version || len(w.cache.accounts) > cacheSize {
		w.cache = cache{version: version, accounts: map[ledger.AccountKey]cached{}}
	}
	return nil
}

// account takes an account out of the cache, or reads it.
func (w *writer) account(key ledger.AccountKey) (*core.Account, loadedAccount, error) {
	if c, ok := w.cache.accounts[key]; ok {
		delete(w.cache.accounts, key)
		return c.account, c.loaded, nil
	}
	a, rows, err := readAccount(w.conn, key)
	if err != nil || a == nil {
		return nil, loadedAccount{}, err
	}
	return a, loadedAccount{a.NextDue(), a.Became, a.Overdrawn, rows}, nil
}

// keep puts the accounts of a successful commit into the cache. One with a
// new grant is left out: where its row stands is not known.
func (w *writer) keep(s *ledger.State) {
	for key, loaded := range w.loaded {
		if a := s.Accounts[key]; a != nil && loaded.follow(a) {
			a.Committed()
			loaded.due, loaded.became, loaded.overdrawn = a.NextDue(), a.Became, a.Overdrawn
			w.cache.accounts[key] = cached{a, loaded}
		}
	}
}

// follow brings what is known of the rows up to what was written.
func (l loadedAccount) follow(a *core.Account) bool {
	for g := range a.ChangedGrants {
		row, known := l.grants[g.ID]
		if !known {
			return false
		}
		row.live, row.closed, row.away = g.Remaining > 0, g.Closed, g.Away
		l.grants[g.ID] = row
		if !row.live {
			delete(l.grants, g.ID)
		}
	}
	return true
}
