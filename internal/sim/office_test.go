package sim

import (
	"context"
	"errors"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/mapping/reconcile"
)

// office is where the operator sits: who leads, in what balances are counted,
// and what is being changed.
type office struct {
	w      *world
	proc   *process // the operator's command, while it runs
	lead   string   // as the file has it
	gems   bool
	prices int  // changes of the price list
	moved  bool // ever
	turned bool // the unit ever changed
}

func newOffice(w *world) *office { return &office{w: w, lead: "main"} }

func (f *office) write() { f.w.file = configText(f.w, f.lead, f.gems) }

// act is one command of the operator: what is begun goes on, or back, and
// where nothing is, something new may be begun.
func (f *office) act() {
	w := f.w
	ctx := context.Background()
	choice := w.dice.IntN(12)
	m, errMove := migrate.CurrentMove(ctx, w.inner.Reader())
	c, errUnit := migrate.CurrentConversion(ctx, w.inner.Reader())
	if err := errors.Join(errMove, errUnit); err != nil {
		w.fail("a journal cannot be read: %v", err)
		return
	}
	switch {
	case c != nil && !c.Ended():
		if choice < 3 && c.Phase != migrate.Undo && c.Phase != migrate.UndoCheck {
			f.undoUnit()
			return
		}
		f.goOnUnit()
	case m != nil && !m.Phase.Ended() && m.Phase != migrate.Moved:
		if choice < 3 && m.Phase != migrate.Drain {
			f.move(func(v *migrate.Mover) error { return v.Turn(ctx, migrate.Undo) })
			return
		}
		f.move(nil)
	case m != nil && m.Phase == migrate.Moved:
		to := migrate.Drain
		if choice < 6 {
			to = migrate.Undo
		}
		f.move(func(v *migrate.Mover) error { return v.Turn(ctx, to) })
	case choice < 3 && c != nil && c.Phase == migrate.Converted && f.gems && (m == nil || c.Started > m.Started):
		f.undoUnit()
	case choice < 5 && !f.turned && !w.plan.sells():
		f.beginUnit()
	case choice < 7:
		f.reprice()
	case !f.gems: // the way between units of two kinds of vendors is another story
		f.beginMove()
	}
}

// with runs a command of the operator in a process of its own.
func (f *office) with(wanted bool, do func(*process) error) {
	w := f.w
	was, _ := migrate.CurrentMove(context.Background(), w.inner.Reader())
	p, err := w.open("operator", wanted)
	if err == nil {
		f.proc = p
		if err = p.fault; err == nil {
			err = do(p)
		}
		p.close()
		f.proc = nil
	}
	w.say("the operator's command ends: %v", err)
	w.judge.read()
	f.follow(was)
}

// follow keeps the file in step with what a change that ended has left.
func (f *office) follow(was *migrate.Move) {
	ctx := context.Background()
	m, _ := migrate.CurrentMove(ctx, f.w.inner.Reader())
	if m != nil && m.Phase == migrate.Undone && f.lead != m.Source && was != nil && !was.Phase.Ended() {
		f.lead = m.Source
		f.write()
	}
	c, _ := migrate.CurrentConversion(ctx, f.w.inner.Reader())
	if c != nil && (c.Phase == migrate.Undo || c.Phase == migrate.UndoCheck || c.Phase == migrate.Undone) && f.gems {
		f.gems = false
		f.write()
	}
}

func (p *process) plan() *migrate.Plan {
	return migrate.NewPlan(migrate.SettingsOf(p.config), migrate.SettingsOf(p.wanted), migrate.UnitOf(p.config, p.wanted))
}

// reprice changes what is no balance: the version of the price list.
func (f *office) reprice() {
	f.prices++
	f.write()
	f.w.say("the operator applies another price list")
	done := false
	f.with(false, func(p *process) error {
		err := migrate.Apply(context.Background(), p.ledger, p.plan(), f.w.file, migrate.SettingsOf(p.wanted))
		done = err == nil
		return err
	})
	if !done {
		f.restore()
	}
}

// restore takes the file back to what is applied.
func (f *office) restore() {
	a, err := migrate.Current(context.Background(), f.w.inner.Reader())
	if err != nil || a == nil {
		return
	}
	cfg, err := parse(a.Text)
	if err != nil {
		f.w.fail("what is applied cannot be read: %v", err)
		return
	}
	f.w.file = a.Text
	f.prices = len(cfg.Cards.Newest().Version) - 1
	f.lead, f.gems = cfg.Route.Primary, cfg.Units[0].Code == "gems"
}

func (f *office) beginMove() {
	ctx := context.Background()
	was := f.lead
	f.lead = map[string]string{"main": "next", "next": "main"}[was]
	f.write()
	f.w.say("the operator moves from %s to %s", was, f.lead)
	var plan *migrate.Plan
	var file *config.Config
	f.with(false, func(p *process) (err error) {
		file, err = parse(f.w.file)
		plan = p.plan()
		return err
	})
	if plan != nil && plan.IsMove() && file != nil {
		f.move(func(v *migrate.Mover) error { return v.Begin(ctx, plan, f.w.file, file) })
	}
	if m, _ := migrate.CurrentMove(ctx, f.w.inner.Reader()); m == nil || m.Phase.Ended() {
		f.restore()
		return
	}
	f.moved = true
}

// move runs a vendor move from where its journal stands.
func (f *office) move(begin func(*migrate.Mover) error) {
	ctx := context.Background()
	f.with(true, func(p *process) error {
		v := &migrate.Mover{
			Ledger: p.ledger, Carrier: p.carrier, Settle: settleTime,
			Rest:   func(_ context.Context, connection string) error { return f.rest(p, connection) },
			Verify: func(_ context.Context, connection string) (int, error) { return f.compare(p, connection) },
			Tell:   func(m migrate.Move) { f.w.say("move %s -> %s: %s", m.Source, m.Target, m.Phase); f.traffic(2) },
		}
		if begin != nil {
			if err := begin(v); err != nil {
				return err
			}
		}
		m, err := v.Run(ctx)
		if err == nil && m != nil {
			f.w.judge.stats["move "+string(m.Phase)]++
		}
		return err
	})
}

// settleTime is how long others may take to notice what was applied.
const settleTime = 2 * time.Second

func (f *office) beginUnit() {
	ctx := context.Background()
	f.gems = true
	f.write()
	f.w.say("the operator leaves credits for gems")
	f.with(false, func(p *process) error {
		return migrate.BeginConversion(ctx, p.ledger, p.plan(), f.w.file, p.wanted)
	})
	if c, _ := migrate.CurrentConversion(ctx, f.w.inner.Reader()); c == nil || c.Ended() {
		f.restore()
		return
	}
	f.turned = true
	f.goOnUnit()
}

func (f *office) undoUnit() {
	f.w.say("the operator goes back to credits")
	f.with(false, func(p *process) error { return migrate.UndoConversion(context.Background(), p.ledger) })
	f.goOnUnit()
}

func (f *office) goOnUnit() {
	f.with(false, func(p *process) error {
		v := &migrate.Converter{
			Ledger: p.ledger, Settle: settleTime,
			Rest: func(context.Context) error { return p.carriers(func(name string) error { return f.rest(p, name) }) },
			Verify: func(context.Context) (n int, err error) {
				err = p.carriers(func(name string) error {
					more, err := f.compare(p, name)
					n += more
					return err
				})
				return n, err
			},
			Tell: func(c migrate.Conversion) { f.w.say("unit %s -> %s: %s", c.From, c.To, c.Phase); f.traffic(2) },
		}
		c, err := v.Run(context.Background())
		if err == nil && c != nil {
			f.w.judge.stats["unit "+string(c.Phase)]++
		}
		return err
	})
}

// carriers calls do for the connections that hold grants and consumption.
func (p *process) carriers(do func(string) error) error {
	for _, c := range p.config.Connections {
		if c.Name == p.config.Route.Primary && c.Strategy != adapters.Totals {
			if err := do(c.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// traffic lets everybody else go on for a few steps.
func (f *office) traffic(n int) {
	w := f.w
	for range n {
		if w.why != "" {
			return
		}
		w.sleep(300 * time.Millisecond)
		w.look()
		w.turn()
	}
}

// rest waits until the intents of a connection that were due are settled,
// while everybody goes on.
func (f *office) rest(p *process, connection string) error {
	w := f.w
	begun := w.now()
	for range 600 {
		stats, err := w.inner.Reader().Queues.Stats(context.Background(), w.now())
		if err != nil {
			return err
		}
		var q ledger.QueueStats
		for _, s := range stats {
			if s.Queue == ledger.Outbox && s.Connection == connection {
				q = s
			}
		}
		switch {
		case p.dead:
			return errDead
		case w.why != "":
			return errors.New("the run has failed")
		case q.Parked > 0:
			return core.Errorf(core.CodeUnavailable, "%d intents are parked", q.Parked)
		case q.Waiting == 0 || q.Oldest > begun:
			return nil
		}
		w.sleep(250 * time.Millisecond)
		w.look()
		if w.proc == nil {
			return errDead
		}
		if !w.outbox(8) {
			w.sleep(5 * time.Second)
		}
		if !w.calm && w.dice.IntN(10) == 0 {
			w.turn()
		}
	}
	return core.Errorf(core.CodeUnavailable, "the intents for %q do not come to rest", connection)
}

// compare holds the core against what a vendor has, and counts the differences.
func (f *office) compare(p *process, connection string) (int, error) {
	for _, c := range p.connections() {
		if c.Name != connection {
			continue
		}
		if f.w.chance("vendor", 5) {
			return 0, core.Errorf(core.CodeUnavailable, "the vendor cannot be read")
		}
		f.w.plain = true
		defer func() { f.w.plain = false }()
		report, err := reconcile.Run(context.Background(), reconcile.Options{
			Reader: f.w.inner.Reader(), Port: p.ports[connection], Connection: c, Route: p.config.Route, Units: p.units(), AsOf: f.w.now(),
		})
		if err != nil {
			return 0, err
		}
		count := 0
		for _, x := range report.Findings {
			count++
			if f.w.calm {
				f.w.tell(x.Object)
			}
			f.w.say("finding at %s: %s %s %s: ours %s, the vendor's %s (%s)", connection, x.Customer, x.Object, x.Cause, x.Ours, x.Vendors, x.Evidence)
		}
		return count, nil
	}
	return 0, core.Errorf(core.CodeNotFound, "connection %q is not configured", connection)
}
