package postgres

import (
	"context"
	"errors"
)

// whole refuses a database that a copy into was not finished. The copy marks
// it by a table.
func (s *Store) whole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.trip)
	defer cancel()
	var marked bool
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass('copying') IS NOT NULL").Scan(&marked); err != nil {
		return err
	}
	if marked {
		return errors.New("a copy into it is not finished: run scrip db copy again until it says that both are the same")
	}
	return nil
}
