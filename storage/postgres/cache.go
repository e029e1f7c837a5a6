package postgres

import (
	"sync"

	"scrip/core"
	"scrip/core/ledger"
)

// cache keeps accounts as this process's last commit left them, so that a busy
// account is not read again for each batch. What it has of a bucket is right as
// long as the bucket's fence is as that commit left it, which the fence itself
// tells under its lock; whatever a commit takes is given back only when the
// commit has succeeded.
type cache struct {
	mu      sync.Mutex
	buckets [core.BucketCount]cachedBucket
	n       int
}

type cachedBucket struct {
	mark     mark
	accounts map[ledger.AccountKey]cached
}

// mark is one state of a bucket: the number of its last commit, and what that
// called itself. Two histories of a database, as after the loss of a server,
// may count alike; their writers differ.
type mark struct{ version, writer int64 }

type cached struct {
	account *core.Account
	loaded  loadedAccount
}

// loadedAccount is what the database has of an account beside what its value
// tells, to know what has to be written.
type loadedAccount struct {
	due       core.Time
	became    string
	overdrawn core.Amount
	grants    map[core.ID]grantRow
}

// grantRow is what the database has of a grant's columns that rarely change.
type grantRow struct {
	live   bool
	closed core.GrantState
	away   core.Amount
}

// cacheSize bounds the accounts that are kept.
const cacheSize = 16_384

// take takes an account out, with the mark under which it is right.
func (c *cache) take(key ledger.AccountKey) (cached, mark, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.buckets[bucketOf(key)]
	found, ok := b.accounts[key]
	if ok {
		delete(b.accounts, key)
		c.n--
	}
	return found, b.mark, ok
}

// keep gives back the accounts of a commit that found the bucket at one mark
// and left it at another. A later commit may have come first.
func (c *cache) keep(bucket int, found, left mark, accounts map[ledger.AccountKey]cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.buckets[bucket]
	switch {
	case b.mark.version > left.version:
		return
	case b.mark != found && b.mark != left, b.accounts == nil, c.n > cacheSize:
		c.n -= len(b.accounts)
		b.accounts = map[ledger.AccountKey]cached{}
	}
	b.mark = left
	for key, a := range accounts {
		if _, have := b.accounts[key]; !have {
			c.n++
		}
		b.accounts[key] = a
	}
}

// follow brings what is known of the rows up to what was written.
func (l *loadedAccount) follow(a *core.Account) {
	if l.grants == nil {
		l.grants = map[core.ID]grantRow{}
	}
	for g := range a.ChangedGrants {
		if g.Remaining > 0 {
			l.grants[g.ID] = grantRow{true, g.Closed, g.Away}
		} else {
			delete(l.grants, g.ID)
		}
	}
	l.due, l.became, l.overdrawn = a.NextDue(), a.Became, a.Overdrawn
}
