package migrate

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"

	"scrip/core"
)

// A plan file is one JSON object: what the plan changes, then one customer's
// account a line, then the sums, and last the SHA-256 of all the bytes before
// it. It is written and read one account at a time, however many there are.

// Writer writes a plan file as a stream.
type Writer struct {
	plan *Plan
	to   io.Writer
	out  *bufio.Writer
	sum  hash.Hash
	rows int
}

// NewWriter begins the file of a plan.
func NewWriter(to io.Writer, p *Plan) (*Writer, error) {
	w := &Writer{plan: p, to: to, sum: sha256.New()}
	w.out = bufio.NewWriter(io.MultiWriter(to, w.sum))
	head := *p
	head.Effect, head.Digest = nil, ""
	raw, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	w.text(string(raw[:len(raw)-1]))
	w.text(`,"customers":[`)
	return w, nil
}

// Add writes the effect on one account.
func (w *Writer) Add(c *CustomerEffect) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if w.rows++; w.rows > 1 {
		w.text(",")
	}
	w.text("\n")
	_, err = w.out.Write(raw)
	return err
}

// Close writes the sums and the digest. The plan has them from then on.
func (w *Writer) Close(e *Effect) error {
	if w.rows > 0 {
		w.text("\n")
	}
	w.text("]")
	if e != nil {
		raw, err := json.Marshal(e)
		if err != nil {
			return err
		}
		w.text(`,"effect":`)
		w.text(string(raw))
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	digest := hex.EncodeToString(w.sum.Sum(nil))
	if _, err := io.WriteString(w.to, tail(digest)); err != nil {
		return err
	}
	w.plan.Effect, w.plan.Digest = e, digest
	w.plan.sealed = w.plan.seal()
	return nil
}

// text leaves an error to the flush, which repeats it.
func (w *Writer) text(s string) { _, _ = w.out.WriteString(s) }

// tail is how a plan file ends: its digest covers what stands before.
func tail(digest string) string { return `,"digest":"` + digest + "\"}\n" }

const (
	maxPlan  = 4 << 30  // bytes of a plan file: more than a million customers take
	maxValue = 16 << 20 // bytes of one account or one list of it
)

// ReadPlan reads a plan file strictly and checks its digest, calling each, where
// it is not nil, for every account in turn. Only when it returns without an
// error is what each was told to be trusted.
func ReadPlan(r io.Reader, each func(*CustomerEffect) error) (*Plan, error) {
	in := &sealedReader{from: r, sum: sha256.New(), rest: maxValue, all: maxPlan}
	p, err := decodePlan(in, each)
	switch {
	case in.err != nil:
		return nil, in.err
	case err != nil:
		return nil, err
	case !in.holds(p.Digest):
		return nil, core.Errorf(core.CodeInvalid, "the plan was changed after it was made, its digest does not fit: make a new plan")
	}
	p.sealed = p.seal()
	return p, nil
}

func decodePlan(in *sealedReader, each func(*CustomerEffect) error) (*Plan, error) {
	d := json.NewDecoder(in)
	d.DisallowUnknownFields()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, notPlan()
	}
	p := &Plan{}
	fields := map[string]any{
		"format": &p.Format, "from": &p.From, "to": &p.To, "source": &p.Source, "target": &p.Target, "billing": &p.Billing, "unit": &p.Unit, "changes": &p.Changes,
		"customers": nil, "effect": &p.Effect, "digest": &p.Digest,
	}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string)
		field, known := fields[name]
		if err != nil || !known {
			return nil, notPlan()
		}
		delete(fields, name) // none comes twice
		in.rest = maxValue
		switch {
		case field == nil:
			err = decodeCustomers(d, in, each)
		case d.Decode(field) != nil:
			err = notPlan()
		}
		if err != nil {
			return nil, err
		}
		if name == "format" && p.Format != Format {
			return nil, p.Check()
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, notPlan()
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, notPlan()
	}
	return p, nil
}

func decodeCustomers(d *json.Decoder, in *sealedReader, each func(*CustomerEffect) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return notPlan()
	}
	for d.More() {
		in.rest = maxValue
		c := &CustomerEffect{}
		if d.Decode(c) != nil {
			return notPlan()
		}
		if each != nil {
			if err := each(c); err != nil {
				return err
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return notPlan()
	}
	return nil
}

func notPlan() error {
	return core.Errorf(core.CodeInvalid, "the file is not a plan: make one with scrip plan -o FILE")
}

// sealedReader hashes what it reads but for the end of it, where the digest
// stands, and bounds it.
type sealedReader struct {
	from io.Reader
	sum  hash.Hash
	end  []byte
	rest int   // bytes that may still be read of the value at hand
	all  int64 // bytes that may still be read at all
	err  error // why reading ended, other than at the end
}

// Read implements [io.Reader].
func (s *sealedReader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.from.Read(p)
	s.rest, s.all = s.rest-n, s.all-int64(n)
	switch {
	case err != nil && err != io.EOF:
		s.err = err
	case s.all < 0 || s.rest < 0:
		s.err = core.Errorf(core.CodeTooLarge, "the plan is too large: %d bytes are read, %d of one account", int64(maxPlan), maxValue)
	}
	if s.err != nil {
		return 0, s.err
	}
	s.end = append(s.end, p[:n]...)
	if over := len(s.end) - len(tail("")) - 2*sha256.Size; over > 0 {
		s.sum.Write(s.end[:over])
		s.end = append(s.end[:0], s.end[over:]...)
	}
	return n, err
}

// holds reports whether the file ends in the digest of what was read before.
func (s *sealedReader) holds(digest string) bool {
	return digest == hex.EncodeToString(s.sum.Sum(nil)) && string(s.end) == tail(digest)
}
