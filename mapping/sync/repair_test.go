package sync

import (
	"fmt"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// TestRepairKilled: a process that puts grants at a vendor right is killed
// before or after any of its calls, with nothing of that call written down. The
// next one finishes, and each grant is ended and made once.
//
// RC-04.
func TestRepairKilled(t *testing.T) {
	const calls = 5 // what the vendor holds is read, two grants are ended and made again
	for killed := range calls {
		for _, acted := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, made %t", killed, acted), func(t *testing.T) {
				d, w, first, second, end := month(t)
				w.final("in_1", end)
				items, err := w.led.Store().Claim(w.ctx, ledger.Outbox, w.led.Now(), core.Time(w.wall.Load()), 1, 30*time.Second)
				w.must(err)
				if len(items) != 1 || items[0].Intent.Kind != string(mapping.TrueUpKind) {
					t.Fatalf("claimed %+v", items)
				}
				conn := w.w.conns["main"]
				j := &job{w: w.w, conn: conn, id: items[0].Intent.ID, item: *items[0].Intent, port: conn.port}
				for range killed {
					if !j.step(w.ctx) {
						t.Fatal("it ended too soon")
					}
				}
				o, err := j.begin(w.ctx)
				w.must(err)
				if acted {
					_, err := o.call(w.ctx, conn)
					w.must(err)
				}
				w.advance(31 * time.Second)
				w.drain()
				w.state(w.only(mapping.TrueUpKind), ledger.Applied)
				mustBe(t, "first", d.left(first), 2000)
				mustBe(t, "second", d.left(second), 8000)
				_, made := d.count("grant")
				_, ended := d.count("end")
				mustBe(t, "made", made, 4)
				mustBe(t, "ended", ended, 2)
				for _, id := range []core.ID{first, second} {
					if _, n := w.linked(string(id), adapters.RoleGrant); n != 1 {
						t.Errorf("%d links of %s", n, id)
					}
				}
			})
		}
	}
}
