-- The unit that an account's balance was converted to, '' while it is counted
-- in its own.
ALTER TABLE accounts ADD COLUMN became TEXT NOT NULL DEFAULT '';

-- What of a grant's end was converted to another unit and has not come back.
ALTER TABLE grants ADD COLUMN away INTEGER NOT NULL DEFAULT 0 CHECK (away BETWEEN 0 AND ended);
