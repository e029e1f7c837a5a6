package history

import (
	"context"
	"flag"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// Start is when the business time of every subject begins, in microseconds.
const Start int64 = 1_772_000_000_000_000

// Config is what [Run] and [Race] need to know of a subject.
type Config struct {
	// Open begins an empty ledger. Its accounts are counted in Units, the
	// first of which actions are priced in; it sells the pack [Small].
	Open   func(fail func(format string, args ...any)) Subject
	Units  []string
	MakeID func(kind, customer, operation, key string) string
	// Checks is how many sequences are tried when -rapid.checks is not given.
	Checks int
}

// Run sends random commands to new ledgers, one after the other, and compares
// every answer, the balances and the entries with the model. It fails with the
// shortest sequence that it finds.
func Run(t rapid.TB, c Config) {
	defer setFlag(t, "rapid.checks", c.Checks)()
	defer setFlag(t, "rapid.steps", 60)()
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, ctx: context.Background(), model: NewModel(Start), read: map[Place][]Entry{}}
		m.script = script{
			choose: func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(rt, what) },
			makeID: c.MakeID, now: Start, name: "k", made: map[string][]thing{},
		}
		for _, customer := range []string{"ann", "bob"} {
			for _, unit := range c.Units {
				m.places = append(m.places, Place{customer, unit})
			}
		}
		m.subject = c.Open(rt.Fatalf)
		defer m.subject.Close()
		m.step(Command{Op: Customer, Place: m.places[0]})
		if !m.yes("bob is new", 4) {
			m.step(Command{Op: Customer, Place: m.places[len(c.Units)]})
		}
		rt.Repeat(m.actions())
		m.end()
	})
}

// setFlag gives a flag of the test's command line a value, unless it was
// given one, and returns what puts it back.
func setFlag(t rapid.TB, name string, n int) func() {
	f := flag.Lookup(name)
	if f == nil || n == 0 || f.Value.String() != f.DefValue {
		return func() {}
	}
	if err := f.Value.Set(number(int64(n)).String()); err != nil {
		t.Fatal(err)
	}
	return func() { _ = f.Value.Set(f.DefValue) }
}

// machine is a subject and the model under one script.
type machine struct {
	*rapid.T
	script
	ctx     context.Context
	subject Subject
	model   *Model
	read    map[Place][]Entry // when it was last looked at
}

func (m *machine) actions() map[string]func(*rapid.T) {
	kinds := m.kinds()
	kinds["8 time"], kinds["customer"], kinds["batch"] = m.time, m.customer, m.batch
	actions := map[string]func(*rapid.T){"": func(*rapid.T) {}}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		actions[name] = func(*rapid.T) {
			c := kinds[name]()
			if c.Op == "" {
				m.Skip("there is none yet")
			}
			m.step(c)
		}
	}
	return actions
}

// time moves on, or what it has decided is written down.
func (m *machine) time() Command {
	if m.yes("sweep", 3) {
		return Command{Op: Sweep}
	}
	m.now += m.pick("hours", 1, 2, 6, 48) * hour / 2
	return Command{Op: Time, At: m.now}
}

func (m *machine) customer() Command {
	return Command{Op: Customer, Place: m.places[len(m.places)-1-m.choose("account", len(m.places))], Name: []string{"", "Ann", "Bob"}[m.choose("name", 3)]}
}

// batch is one to three debits, and rarely the first once more.
func (m *machine) batch() Command {
	c := Command{Op: Batch}
	for range 1 + m.choose("more", 3) {
		c.Items = append(c.Items, m.debit())
	}
	if m.yes("twice", 3) {
		c.Items = append(c.Items, c.Items[0])
	}
	return c
}

// step does a command on both and compares everything that can be seen of it.
func (m *machine) step(c Command) {
	want := m.model.Do(c)
	got := m.subject.Do(m.ctx, c)
	m.Logf("%s\n    = %s", c, want)
	if got.String() != want.String() {
		m.Fatalf("the answer is\n      %s, by the model\n      %s\nwhich says\n%s", got, want, m.model)
	}
	m.learn(c, want.Refused != "")
	switch {
	case c.Place.Unit != "":
		m.same(c.Place, want.Replayed, false)
	case c.Op != Time:
		for _, p := range m.places {
			m.same(p, false, false)
		}
	}
}

// same compares the balance and the entries of an account.
func (m *machine) same(p Place, still, settled bool) {
	read := Command{Op: Balance, Place: p}
	want, got := m.model.Do(read), m.subject.Do(m.ctx, read)
	if got.String() != want.String() {
		m.Fatalf("the balance of %v is\n      %s, by the model\n      %s\nwhich says\n%s", p, got, want, m.model)
	}
	if want.Refused != "" {
		return
	}
	entries, err := m.subject.Entries(p)
	if err != nil {
		m.Fatalf("reading entries: %v", err)
	}
	if still && len(entries) != len(m.read[p]) {
		m.Fatalf("a replay made entries: %v", entries[len(m.read[p]):])
	}
	if err := m.model.compare(p, entries, m.read[p], settled); err != nil {
		m.Fatalf("%v: %v\n%s", p, err, m.model)
	}
	m.read[p] = entries
}

// end lets everything that can expire do so and asks the ledger's own audit.
func (m *machine) end() {
	for _, p := range m.places {
		m.same(p, false, false)
	}
	m.now += 1000 * hour
	m.step(Command{Op: Time, At: m.now})
	m.step(Command{Op: Sweep})
	for _, p := range m.places {
		m.same(p, false, true)
	}
	found, err := m.subject.Audit()
	if err != nil || len(found) > 0 {
		m.Fatalf("the audit finds %v, %v", found, err)
	}
}
