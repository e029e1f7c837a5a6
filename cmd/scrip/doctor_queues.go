package main

import (
	"context"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// How old the oldest waiting item may be before somebody should look, and
// before it is a failure.
const (
	lateAfter = 10 * time.Minute
	lostAfter = 24 * time.Hour
)

// queues looks at what vendors sent and what they must hear.
func (d *doctor) queues(ctx context.Context, reader ledger.Reader, now core.Time) {
	stats, err := reader.Queues.Stats(ctx, now)
	if err != nil {
		d.fail("queues", "", "the queues cannot be read: %s", err)
		return
	}
	for _, q := range []ledger.Queue{ledger.Inbox, ledger.Outbox} {
		waiting, open := 0, 0
		for _, st := range stats {
			if st.Queue == q {
				d.queue(st, now)
				waiting, open = waiting+st.Waiting, open+st.Open
			}
		}
		d.ok(string(q), "%d wait, %d are not due yet", waiting, open)
	}
}

// queue looks at one queue of one connection.
func (d *doctor) queue(st ledger.QueueStats, now core.Time) {
	command, repair := "scrip webhooks", "replay"
	if st.Queue == ledger.Outbox {
		command, repair = "scrip outbox", "retry"
	}
	if st.Parked > 0 {
		d.warn(string(st.Queue), command+" list --state parked says why, "+command+" "+repair+" ID tries again",
			"%d of %q are parked and wait for a person", st.Parked, st.Connection)
	}
	age := time.Duration(now-st.Oldest) * time.Microsecond
	mend := "see that scrip serve runs; " + command + " list --state waiting says what keeps them"
	switch {
	case st.Waiting == 0 || st.Oldest == 0:
	case age > lostAfter:
		d.fail(string(st.Queue), mend, "%d of %q wait, the oldest for %s", st.Waiting, st.Connection, age.Round(time.Minute))
	case age > lateAfter:
		d.warn(string(st.Queue), mend, "%d of %q wait, the oldest for %s", st.Waiting, st.Connection, age.Round(time.Second))
	}
}
