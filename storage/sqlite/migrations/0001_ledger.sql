-- Every ledger row carries its customer's bucket; an account is "customer/unit".
-- Indexes on the path of a debit are not partial: SQLite prepares a statement
-- anew whenever a bound value could decide whether a partial index applies.
CREATE TABLE accounts (
  bucket   INTEGER NOT NULL,
  account  TEXT    NOT NULL,
  seq      INTEGER NOT NULL,
  head     BLOB    NOT NULL,
  consumed INTEGER NOT NULL,
  holds    INTEGER NOT NULL, -- open ones
  due      INTEGER NOT NULL, -- when time alone changes the account next
  windows  TEXT    NOT NULL,
  PRIMARY KEY (bucket, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_due ON accounts (due);

CREATE TABLE grants (
  bucket    INTEGER NOT NULL,
  id        TEXT    NOT NULL,
  account   TEXT    NOT NULL,
  seq       INTEGER NOT NULL,
  amount    INTEGER NOT NULL CHECK (amount > 0),
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  held      INTEGER NOT NULL CHECK (held BETWEEN 0 AND remaining),
  ended     INTEGER NOT NULL CHECK (ended BETWEEN 0 AND amount),
  closed    TEXT    NOT NULL,
  live      INTEGER NOT NULL, -- has a remainder
  category  TEXT    NOT NULL,
  priority  INTEGER NOT NULL,
  starts    INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  paid      INTEGER NOT NULL,
  currency  TEXT    NOT NULL,
  actions   TEXT    NOT NULL,
  source    TEXT    NOT NULL,
  metadata  TEXT    NOT NULL,
  recorded  INTEGER NOT NULL,
  PRIMARY KEY (bucket, id)
) STRICT;
CREATE INDEX grants_live ON grants (bucket, account, live);
CREATE INDEX grants_account ON grants (bucket, account, seq);

CREATE TABLE holds (
  bucket   INTEGER NOT NULL,
  id       TEXT    NOT NULL,
  account  TEXT    NOT NULL,
  state    TEXT    NOT NULL,
  amount   INTEGER NOT NULL,
  captured INTEGER NOT NULL,
  parts    TEXT    NOT NULL,
  created  INTEGER NOT NULL,
  expires  INTEGER NOT NULL,
  resolved INTEGER NOT NULL,
  protect  INTEGER NOT NULL,
  action   TEXT    NOT NULL,
  card     TEXT    NOT NULL,
  price    TEXT    NOT NULL,
  PRIMARY KEY (bucket, id)
) STRICT;
CREATE INDEX holds_open ON holds (bucket, account, state);
CREATE INDEX holds_account ON holds (bucket, account, created, id);

CREATE TABLE entries (
  pos       INTEGER PRIMARY KEY,
  bucket    INTEGER NOT NULL,
  account   TEXT    NOT NULL,
  seq       INTEGER NOT NULL,
  kind      TEXT    NOT NULL,
  grant_id  TEXT    NOT NULL,
  source    TEXT    NOT NULL,
  amount    INTEGER NOT NULL CHECK (amount > 0),
  effective INTEGER NOT NULL,
  recorded  INTEGER NOT NULL,
  hash      BLOB    NOT NULL,
  UNIQUE (bucket, account, seq)
) STRICT;

CREATE TABLE requests (
  pos       INTEGER PRIMARY KEY,
  bucket    INTEGER NOT NULL,
  hash      TEXT    NOT NULL UNIQUE, -- of operation and key
  operation TEXT    NOT NULL,
  key       TEXT    NOT NULL,
  account   TEXT    NOT NULL,
  fields    TEXT    NOT NULL,
  code      TEXT    NOT NULL,
  result    BLOB    NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq  INTEGER NOT NULL,
  amount    INTEGER NOT NULL,
  reversed  INTEGER NOT NULL CHECK (reversed BETWEEN 0 AND amount),
  at        INTEGER NOT NULL
) STRICT;

CREATE TABLE naturals (
  bucket INTEGER NOT NULL,
  key    TEXT    NOT NULL PRIMARY KEY,
  id     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
  kind    TEXT    NOT NULL,
  id      TEXT    NOT NULL,
  version INTEGER NOT NULL,
  keys    TEXT    NOT NULL,
  body    BLOB    NOT NULL,
  deleted INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE record_keys (
  kind TEXT NOT NULL,
  key  TEXT NOT NULL,
  id   TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
  connection TEXT NOT NULL,
  neutral    TEXT NOT NULL,
  role       TEXT NOT NULL,
  vendor     TEXT NOT NULL,
  PRIMARY KEY (connection, neutral, role, vendor)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_vendor ON links (connection, vendor);

CREATE TABLE inbox (
  pos        INTEGER PRIMARY KEY,
  bucket     INTEGER NOT NULL,
  id         TEXT    NOT NULL UNIQUE,
  connection TEXT    NOT NULL,
  vendor_id  TEXT    NOT NULL,
  type       TEXT    NOT NULL,
  body       BLOB    NOT NULL,
  digest     TEXT    NOT NULL,
  received   INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  attempts   INTEGER NOT NULL,
  retry_at   INTEGER NOT NULL,
  leased     INTEGER NOT NULL, -- until
  fence      INTEGER NOT NULL,
  settled    INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_open ON inbox (state, pos) WHERE state IN ('waiting', 'parked');

CREATE TABLE outbox (
  pos        INTEGER PRIMARY KEY,
  bucket     INTEGER NOT NULL,
  id         TEXT    NOT NULL UNIQUE,
  connection TEXT    NOT NULL,
  customer   TEXT    NOT NULL,
  kind       TEXT    NOT NULL,
  ref        TEXT    NOT NULL,
  body       BLOB    NOT NULL,
  due        INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  attempts   INTEGER NOT NULL,
  retry_at   INTEGER NOT NULL,
  leased     INTEGER NOT NULL, -- until
  fence      INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  settled    INTEGER NOT NULL,
  tried      INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (due, pos) WHERE state = 'waiting';
CREATE INDEX outbox_stream ON outbox (connection, customer, due, pos) WHERE state IN ('waiting', 'parked');
