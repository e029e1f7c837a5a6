-- Settled deliveries whose body is still kept, by their age.
CREATE INDEX inbox_raw ON inbox (received) WHERE state IN ('applied', 'ignored') AND length(body) > 0;
