-- Lists of what waits or is parked walk nothing that is settled.
CREATE INDEX outbox_open ON outbox (state, pos) WHERE state IN ('waiting', 'parked');
