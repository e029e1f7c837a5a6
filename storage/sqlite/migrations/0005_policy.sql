-- The deficit, and what moves an account by itself: a text the store does not
-- read, and when it acts next, 0 when it does not.
ALTER TABLE accounts ADD COLUMN overdrawn INTEGER NOT NULL DEFAULT 0 CHECK (overdrawn >= 0);
ALTER TABLE accounts ADD COLUMN policy TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN acts INTEGER NOT NULL DEFAULT 0;
