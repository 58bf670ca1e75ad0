package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// errSocketClosed is how messages end that were waiting when their connection did.
var errSocketClosed = errors.New("the WebSocket ended before the answer")

// socketCaller sends messages over long connections, one after the other in turn; a connection
// carries many messages at once, and is opened again by the next message after it broke.
type socketCaller struct {
	keep    bool
	dialer  *http.Client
	mutex   sync.Mutex
	turn    int
	size    int
	sockets map[string][]*socketSlot // by target, path and agent
}

// socketSlot holds one long connection; whoever holds its lock may open it.
type socketSlot struct {
	lock chan struct{}
	now  *socket
}

// socket is an open connection and the messages that wait for their answer.
type socket struct {
	conn    *websocket.Conn
	mutex   sync.Mutex
	waiting map[string]chan error
	failure error
}

func newSocketCaller(options callOptions) *socketCaller {
	return &socketCaller{
		keep:    options.keepAlive,
		size:    options.connections,
		sockets: map[string][]*socketSlot{},
		dialer: &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       new(net.Dialer).DialContext,
		}},
	}
}

func (c *socketCaller) call(ctx context.Context, one request) ending {
	if !c.keep {
		opened, err := c.dial(ctx, one)
		if err != nil {
			return failed(err, false)
		}
		defer func() { _ = opened.conn.CloseNow() }()
		return opened.exchange(ctx, one.ID)
	}
	slot := c.slot(one)
	opened, err := slot.socket(ctx, func() (*socket, error) { return c.dial(ctx, one) })
	if err != nil {
		return failed(err, false)
	}
	end := opened.exchange(ctx, one.ID)
	if end.Outcome == outcomeTimeout {
		opened.leave(ctx.Err())
	}
	return end
}

// slot returns the connection whose turn it is.
func (c *socketCaller) slot(one request) *socketSlot {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	key := one.Target + " " + one.Path + " " + one.Agent
	slots := c.sockets[key]
	c.turn++
	if len(slots) < c.size {
		slots = append(slots, &socketSlot{lock: make(chan struct{}, 1)})
		c.sockets[key] = slots
		return slots[len(slots)-1]
	}
	return slots[c.turn%len(slots)]
}

// socket returns the open connection of a slot, or opens it; ctx bounds the wait for either.
func (s *socketSlot) socket(ctx context.Context, dial func() (*socket, error)) (*socket, error) {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.lock }()
	if s.now != nil && s.now.broken() == nil {
		return s.now, nil
	}
	opened, err := dial()
	if err == nil {
		s.now = opened
	}
	return opened, err
}

func (c *socketCaller) dial(ctx context.Context, one request) (*socket, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+one.Target+one.Path, &websocket.DialOptions{
		HTTPClient: c.dialer,
		HTTPHeader: http.Header{"User-Agent": {one.Agent}},
	})
	if err != nil {
		return nil, err
	}
	opened := &socket{conn: conn, waiting: map[string]chan error{}}
	go opened.receive()
	return opened, nil
}

// receive gives each answer to the message it names, until the connection ends.
func (s *socket) receive() {
	for {
		_, text, err := s.conn.Read(context.Background())
		s.mutex.Lock()
		if err != nil {
			s.failure = fmt.Errorf("%w: %w", errSocketClosed, err)
			for _, answer := range s.waiting {
				answer <- s.failure
			}
			s.mutex.Unlock()
			_ = s.conn.CloseNow()
			return
		}
		if answer, known := s.waiting[string(text)]; known {
			delete(s.waiting, string(text))
			answer <- nil
		}
		s.mutex.Unlock()
	}
}

// leave keeps further messages off a connection on which one ran out of time: its other end may be
// gone without a word.
func (s *socket) leave(why error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failure == nil {
		s.failure = why
	}
}

func (s *socket) broken() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.failure
}

func (s *socket) exchange(ctx context.Context, id string) ending {
	answer := make(chan error, 1)
	s.mutex.Lock()
	if s.failure != nil {
		s.mutex.Unlock()
		return failed(s.failure, false)
	}
	s.waiting[id] = answer
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		delete(s.waiting, id)
		s.mutex.Unlock()
	}()
	if err := s.conn.Write(ctx, websocket.MessageText, []byte(id)); err != nil {
		return failed(err, false)
	}
	select {
	case err := <-answer:
		if err != nil {
			return failed(err, false)
		}
		return answered
	case <-ctx.Done():
		return failed(ctx.Err(), false)
	}
}
