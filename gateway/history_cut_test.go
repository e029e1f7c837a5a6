package gateway

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
)

var errCut = errors.New("the connection was cut")

// dial makes connections; with cut some are cut on the way.
func (s *subject) dial(cut bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s.dialed.Add(1)
		if !cut {
			return conn, nil
		}
		c := &cutConn{Conn: conn, out: math.MaxInt, in: math.MaxInt}
		switch rand.IntN(16) {
		case 0: // in the middle of the request
			c.out = rand.IntN(400)
		case 1: // before the answer
			c.in = -1
		case 2: // in the middle of the answer
			c.in = rand.IntN(600)
		}
		return c, nil
	}
}

// cutConn is cut when so many bytes have gone out or come in.
type cutConn struct {
	net.Conn
	out, in int
}

func (c *cutConn) cut(n int) (int, error) { return n, errors.Join(errCut, c.Close()) }

func (c *cutConn) Write(b []byte) (int, error) {
	if len(b) > c.out {
		n, _ := c.Conn.Write(b[:c.out])
		return c.cut(n)
	}
	n, err := c.Conn.Write(b)
	c.out -= n
	return n, err
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.in < 0 {
		return c.cut(0)
	}
	n, err := c.Conn.Read(b)
	if n > c.in {
		return c.cut(c.in)
	}
	c.in -= n
	return n, err
}
