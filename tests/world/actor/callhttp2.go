package main

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

// http2Caller speaks HTTP/2 without TLS and without asking first. It holds single connections and
// not a Transport, which sends a request again by itself.
type http2Caller struct {
	transport *http.Transport
	keep      bool
	bodyBytes int
	mutex     sync.Mutex
	open      map[string][]*http.ClientConn // by address
}

func newHTTP2Caller(options callOptions) *http2Caller {
	speaks := new(http.Protocols)
	speaks.SetUnencryptedHTTP2(true)
	return &http2Caller{
		keep:      options.keepAlive,
		bodyBytes: options.bodyBytes,
		open:      map[string][]*http.ClientConn{},
		transport: &http.Transport{
			Protocols:          speaks,
			DisableCompression: true,
			DialContext:        new(net.Dialer).DialContext,
		},
	}
}

func (c *http2Caller) call(ctx context.Context, one request) ending {
	message, err := newHTTPMessage(ctx, one, c.bodyBytes)
	if err != nil {
		return ending{Outcome: outcomeNotSent, Detail: err.Error()}
	}
	conn, err := c.reserve(ctx, one.Target)
	if err != nil {
		return failed(err, false)
	}
	if !c.keep {
		defer func() { _ = conn.Close() }()
	}
	answer, err := conn.RoundTrip(message.Request)
	if err != nil {
		return c.ended(one.Target, conn, failed(err, false))
	}
	return c.ended(one.Target, conn, message.judge(answer))
}

// reserve returns a connection with room for one more request, which is the caller's.
func (c *http2Caller) reserve(ctx context.Context, address string) (*http.ClientConn, error) {
	if found := c.withRoom(address); found != nil {
		return found, nil
	}
	conn, err := c.transport.NewClientConn(ctx, "http", address)
	if err != nil {
		return nil, err
	}
	if err := conn.Reserve(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.keep {
		c.open[address] = append(c.open[address], conn)
	}
	return conn, nil
}

func (c *http2Caller) withRoom(address string) *http.ClientConn {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	isDead := func(conn *http.ClientConn) bool { return conn.Err() != nil }
	c.open[address] = slices.DeleteFunc(c.open[address], isDead)
	for _, conn := range c.open[address] {
		if conn.Reserve() == nil {
			return conn
		}
	}
	return nil
}

// ended keeps further requests off a connection on which one ran out of time: its other end may be
// gone without a word. What is still on it may end there.
func (c *http2Caller) ended(address string, conn *http.ClientConn, end ending) ending {
	if end.Outcome == outcomeTimeout {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		isIt := func(one *http.ClientConn) bool { return one == conn }
		c.open[address] = slices.DeleteFunc(c.open[address], isIt)
	}
	return end
}
