package postgres

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and its server and can do to their connections
// what networks do.
type proxy struct {
	t        *testing.T
	listener net.Listener
	server   string
	mu       sync.Mutex
	open     map[net.Conn]bool
	cut      cut // what is done to the next COMMIT
	deaf     bool
}

// cut is what is done to a connection over which a COMMIT comes.
type cut string

const (
	untouched cut = ""
	before    cut = "before the server has it"
	at        cut = "when the server has it"
	after     cut = "when the server has answered"
)

// proxied is a proxy to a database, and the URL by which it is reached.
func proxied(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: l, server: u.Host, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = l.Close()
		p.drop()
	})
	go p.accept()
	u.Host = l.Addr().String()
	return p, u.String()
}

// drop ends every connection.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
	clear(p.open)
}

// arm has something done to the next COMMIT.
func (p *proxy) arm(c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = c
}

// armed reports what is still to be done.
func (p *proxy) armed() cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

// lose lets all bytes vanish, both ways, on connections that stay open; or ends
// that, and those connections with it.
func (p *proxy) lose(deaf bool) {
	p.mu.Lock()
	p.deaf = deaf
	p.mu.Unlock()
	if !deaf {
		p.drop()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		c := &crossing{proxy: p, client: client, server: server}
		go c.up()
		go c.down()
	}
}

// crossing is one connection through a proxy.
type crossing struct {
	proxy          *proxy
	client, server net.Conn
	mu             sync.Mutex
	ending         cut
}

func (c *crossing) end() {
	_ = c.client.Close()
	_ = c.server.Close()
}

// commitBind is how a COMMIT begins: the unnamed portal of the statement.
var commitBind = []byte("\x00commit\x00")

func (c *crossing) up() {
	defer c.end()
	buf := make([]byte, 1<<20)
	for {
		n, err := c.client.Read(buf)
		if err != nil {
			return
		}
		p := c.proxy
		p.mu.Lock()
		deaf, cut := p.deaf, untouched
		if p.cut != untouched && bytes.Contains(buf[:n], commitBind) {
			cut, p.cut = p.cut, untouched
		}
		p.mu.Unlock()
		if deaf {
			continue
		}
		if cut == before {
			return
		}
		c.mu.Lock()
		c.ending = cut
		c.mu.Unlock()
		if _, err := c.server.Write(buf[:n]); err != nil {
			return
		}
		if cut == at {
			_ = c.client.Close()
			_, _ = io.Copy(io.Discard, c.server) // until it has ended by itself
			return
		}
	}
}

func (c *crossing) down() {
	buf := make([]byte, 1<<20)
	for {
		n, err := c.server.Read(buf)
		if err != nil {
			c.end()
			return
		}
		c.mu.Lock()
		ending := c.ending
		c.mu.Unlock()
		c.proxy.mu.Lock()
		deaf := c.proxy.deaf
		c.proxy.mu.Unlock()
		switch {
		case ending == after:
			c.end()
			return
		case deaf:
			continue
		}
		if _, err := c.client.Write(buf[:n]); err != nil {
			c.end()
			return
		}
	}
}
