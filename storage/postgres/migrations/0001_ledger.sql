-- Every row lies in one of 64 buckets, its customer's where it has one, and
-- every key begins with it. An account is "customer/unit". Texts that are
-- ordered or compared are in the order of their bytes.
--
-- No index and no index predicate names a column that an ordinary debit
-- changes, and pages of what is updated in place keep room, so that such an
-- update writes no index.

-- The fence: who writes rows of a bucket holds its row here. It counts the
-- commits of the bucket and gives out positions, so that their order is the
-- order of commits; writer is what the last commit called itself.
CREATE TABLE buckets (
  bucket    int    NOT NULL PRIMARY KEY,
  next_pos  bigint NOT NULL, -- of entries
  next_item bigint NOT NULL, -- of the inbox and the outbox
  version   bigint NOT NULL,
  at        bigint NOT NULL, -- business time of the latest commit
  writer    bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
INSERT INTO buckets SELECT n, 1, 1, 0, 0, 0 FROM generate_series(0, 63) n;

CREATE TABLE accounts (
  bucket    int    NOT NULL,
  account   text   COLLATE "C" NOT NULL,
  seq       bigint NOT NULL,
  head      bytea  NOT NULL,
  consumed  bigint NOT NULL,
  overdrawn bigint NOT NULL CHECK (overdrawn >= 0),
  holds     bigint NOT NULL, -- open ones
  due       bigint NOT NULL, -- when time alone changes the account next
  acts      bigint NOT NULL,
  windows   text   COLLATE "C" NOT NULL,
  became    text   COLLATE "C" NOT NULL,
  policy    text   COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, account)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX accounts_due ON accounts (due) WHERE due < 9223372036854775807;

CREATE TABLE grants (
  bucket    int     NOT NULL,
  id        text    COLLATE "C" NOT NULL,
  account   text    COLLATE "C" NOT NULL,
  seq       bigint  NOT NULL,
  amount    bigint  NOT NULL CHECK (amount > 0),
  remaining bigint  NOT NULL CHECK (remaining >= 0),
  held      bigint  NOT NULL CHECK (held BETWEEN 0 AND remaining),
  ended     bigint  NOT NULL CHECK (ended BETWEEN 0 AND amount),
  away      bigint  NOT NULL CHECK (away BETWEEN 0 AND ended),
  priority  bigint  NOT NULL,
  starts    bigint  NOT NULL,
  expires   bigint  NOT NULL,
  paid      bigint  NOT NULL,
  recorded  bigint  NOT NULL,
  live      boolean NOT NULL, -- has a remainder
  closed    text    COLLATE "C" NOT NULL,
  category  text    COLLATE "C" NOT NULL,
  currency  text    COLLATE "C" NOT NULL,
  actions   text    COLLATE "C" NOT NULL,
  source    text    COLLATE "C" NOT NULL,
  metadata  text    COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX grants_live ON grants (bucket, account, live);
CREATE INDEX grants_account ON grants (bucket, account, seq);

CREATE TABLE holds (
  bucket   int     NOT NULL,
  id       text    COLLATE "C" NOT NULL,
  account  text    COLLATE "C" NOT NULL,
  state    text    COLLATE "C" NOT NULL,
  amount   bigint  NOT NULL,
  captured bigint  NOT NULL,
  created  bigint  NOT NULL,
  expires  bigint  NOT NULL,
  resolved bigint  NOT NULL,
  protect  boolean NOT NULL,
  parts    text    COLLATE "C" NOT NULL,
  action   text    COLLATE "C" NOT NULL,
  card     text    COLLATE "C" NOT NULL,
  price    text    COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX holds_open ON holds (bucket, account, state);
CREATE INDEX holds_account ON holds (bucket, account, created, id);

CREATE TABLE entries (
  bucket    int    NOT NULL,
  pos       bigint NOT NULL,
  account   text   COLLATE "C" NOT NULL,
  seq       bigint NOT NULL,
  amount    bigint NOT NULL CHECK (amount > 0),
  effective bigint NOT NULL,
  recorded  bigint NOT NULL,
  kind      text   COLLATE "C" NOT NULL,
  grant_id  text   COLLATE "C" NOT NULL,
  source    text   COLLATE "C" NOT NULL,
  hash      bytea  NOT NULL,
  PRIMARY KEY (bucket, account, seq)
);
CREATE UNIQUE INDEX entries_pos ON entries (bucket, pos);

CREATE TABLE requests (
  bucket    int    NOT NULL,
  hash      text   COLLATE "C" NOT NULL, -- of operation and key
  first_seq bigint NOT NULL,
  last_seq  bigint NOT NULL,
  amount    bigint NOT NULL,
  reversed  bigint NOT NULL CHECK (reversed BETWEEN 0 AND amount),
  at        bigint NOT NULL,
  operation text   COLLATE "C" NOT NULL,
  key       text   COLLATE "C" NOT NULL,
  account   text   COLLATE "C" NOT NULL,
  fields    text   COLLATE "C" NOT NULL,
  code      text   COLLATE "C" NOT NULL,
  result    bytea  NOT NULL,
  PRIMARY KEY (bucket, hash)
);
-- A key is used once, whoever it was used for. A distributed database cannot
-- ask that of all its nodes: there this index is gone, and a key is used once
-- within a bucket.
CREATE UNIQUE INDEX requests_key ON requests (hash);

CREATE TABLE naturals (
  bucket int  NOT NULL,
  key    text COLLATE "C" NOT NULL,
  id     text COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, key)
);
CREATE INDEX naturals_list ON naturals (key);

CREATE TABLE records (
  bucket  int     NOT NULL,
  kind    text    COLLATE "C" NOT NULL,
  id      text    COLLATE "C" NOT NULL,
  version bigint  NOT NULL,
  at      bigint  NOT NULL,
  deleted boolean NOT NULL,
  keys    text    COLLATE "C" NOT NULL,
  body    bytea   NOT NULL,
  PRIMARY KEY (bucket, kind, id)
);
CREATE INDEX records_list ON records (kind, id);
CREATE TABLE record_keys (
  bucket int  NOT NULL, -- of the key
  kind   text COLLATE "C" NOT NULL,
  key    text COLLATE "C" NOT NULL,
  id     text COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, kind, key)
);

CREATE TABLE links (
  bucket     int  NOT NULL,
  connection text COLLATE "C" NOT NULL,
  neutral    text COLLATE "C" NOT NULL,
  role       text COLLATE "C" NOT NULL,
  vendor     text COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, connection, neutral, role, vendor)
);
CREATE INDEX links_vendor ON links (connection, vendor);
CREATE INDEX links_all ON links (connection, neutral, role, vendor);

-- The states stand in the predicates as every statement that lists what is
-- open names them. What lists a queue goes by the time of its rows: positions
-- are those of a bucket.
CREATE TABLE inbox (
  bucket     int    NOT NULL,
  pos        bigint NOT NULL,
  id         text   COLLATE "C" NOT NULL,
  received   bigint NOT NULL,
  attempts   bigint NOT NULL,
  retry_at   bigint NOT NULL,
  leased     bigint NOT NULL, -- until
  fence      bigint NOT NULL,
  settled    bigint NOT NULL,
  connection text   COLLATE "C" NOT NULL,
  vendor_id  text   COLLATE "C" NOT NULL,
  type       text   COLLATE "C" NOT NULL,
  digest     text   COLLATE "C" NOT NULL,
  state      text   COLLATE "C" NOT NULL,
  reason     text   COLLATE "C" NOT NULL,
  body       bytea  NOT NULL,
  PRIMARY KEY (bucket, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE UNIQUE INDEX inbox_pos ON inbox (bucket, pos);
CREATE INDEX inbox_list ON inbox (received, bucket, pos);
CREATE INDEX inbox_open ON inbox (state, received, bucket, pos) WHERE state IN ('waiting', 'parked');
CREATE INDEX inbox_raw ON inbox (received, bucket, pos) WHERE state IN ('applied', 'ignored') AND length(body) > 0;

CREATE TABLE outbox (
  bucket     int     NOT NULL,
  pos        bigint  NOT NULL,
  id         text    COLLATE "C" NOT NULL,
  due        bigint  NOT NULL,
  created    bigint  NOT NULL,
  attempts   bigint  NOT NULL,
  retry_at   bigint  NOT NULL,
  leased     bigint  NOT NULL, -- until
  fence      bigint  NOT NULL,
  settled    bigint  NOT NULL,
  tried      boolean NOT NULL,
  connection text    COLLATE "C" NOT NULL,
  customer   text    COLLATE "C" NOT NULL,
  kind       text    COLLATE "C" NOT NULL,
  ref        text    COLLATE "C" NOT NULL,
  state      text    COLLATE "C" NOT NULL,
  reason     text    COLLATE "C" NOT NULL,
  body       bytea   NOT NULL,
  PRIMARY KEY (bucket, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE UNIQUE INDEX outbox_pos ON outbox (bucket, pos);
CREATE INDEX outbox_list ON outbox (created, bucket, pos);
CREATE INDEX outbox_due ON outbox (due, bucket, pos) WHERE state = 'waiting';
CREATE INDEX outbox_open ON outbox (state, created, bucket, pos) WHERE state IN ('waiting', 'parked');
CREATE INDEX outbox_stream ON outbox (bucket, connection, customer, due, pos) WHERE state IN ('waiting', 'parked');
