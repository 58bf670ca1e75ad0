package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// largestAnswer bounds what is read of an answer: the actor's own are far smaller.
const largestAnswer = 1 << 20

// httpCaller sends HTTP requests over connections of its own. It is built on http.ClientConn and
// not on http.Transport, because a Transport sends a GET a second time when a kept connection
// breaks: the ledger would blame that on whatever is under test.
type httpCaller struct {
	transport *http.Transport
	bodyBytes int
	exclusive *pool[*http.ClientConn] // HTTP/1.1: one request at a time
	shared    *sharedConns            // HTTP/2: as many as the server allows
}

func newHTTPCaller(protocol string, options callOptions) *httpCaller {
	speaks := new(http.Protocols)
	speaks.SetHTTP1(protocol == protocolHTTP1)
	speaks.SetUnencryptedHTTP2(protocol == protocolHTTP2)
	caller := &httpCaller{
		bodyBytes: options.bodyBytes,
		transport: &http.Transport{
			Protocols:          speaks,
			DisableCompression: true,
			DialContext:        new(net.Dialer).DialContext,
		},
	}
	if protocol == protocolHTTP2 && options.keepAlive {
		caller.shared = &sharedConns{open: map[string][]*http.ClientConn{}}
		return caller
	}
	caller.exclusive = newPool(
		options.keepAlive,
		func(conn *http.ClientConn) bool { return conn.Err() == nil },
		func(conn *http.ClientConn) { _ = conn.Close() },
	)
	return caller
}

func (c *httpCaller) call(ctx context.Context, one request) ending {
	message, body, err := c.message(ctx, one)
	if err != nil {
		return ending{Outcome: outcomeNotSent, Detail: err.Error()}
	}
	conn, err := c.connection(ctx, one.Target)
	if err != nil {
		return failed(fmt.Errorf("connecting: %w", err), false)
	}
	end := exchange(conn, message, one.ID, body)
	c.release(one.Target, conn, end)
	return end
}

// message builds the request, and returns the body of the right answer.
func (c *httpCaller) message(ctx context.Context, one request) (*http.Request, string, error) {
	text := ""
	if one.Method == http.MethodPost || one.Method == http.MethodPut {
		text = filled(one.ID, c.bodyBytes)
	}
	url := "http://" + one.Target + one.Path
	message, err := http.NewRequestWithContext(ctx, one.Method, url, strings.NewReader(text))
	if err != nil {
		return nil, "", err
	}
	message.Header.Set(requestIDHeader, one.ID)
	message.Header.Set("User-Agent", one.Agent)
	if text == "" {
		text = one.ID + "\n"
	}
	if one.Method == http.MethodHead || message.URL.RawQuery != "" ||
		pathClass(message.URL.Path) != "business" {
		text = ""
	}
	return message, text, nil
}

func (c *httpCaller) connection(ctx context.Context, address string) (*http.ClientConn, error) {
	if c.shared != nil {
		if conn, found := c.shared.reserve(address); found {
			return conn, nil
		}
	} else if conn, found := c.exclusive.take(address); found {
		return conn, nil
	}
	conn, err := c.transport.NewClientConn(ctx, "http", address)
	if err == nil && c.shared != nil {
		c.shared.add(address, conn)
	}
	return conn, err
}

// release decides what becomes of a connection after a request.
func (c *httpCaller) release(address string, conn *http.ClientConn, end ending) {
	switch {
	case c.shared != nil && end.Outcome == outcomeTimeout:
		c.shared.forget(address, conn)
	case c.shared != nil:
	case end.Outcome == outcomeOK || end.Outcome == outcomeStatus:
		c.exclusive.give(address, conn)
	default:
		_ = conn.Close()
	}
}

// exchange sends one request and judges the answer.
func exchange(conn *http.ClientConn, message *http.Request, id, body string) ending {
	answer, err := conn.RoundTrip(message)
	if err != nil {
		return failed(err, false)
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(answer.Body, largestAnswer))
	if err != nil {
		end := failed(err, true)
		end.Status = answer.StatusCode
		return end
	}
	return judged(answer, string(got), id, body)
}

// judged compares a whole answer with what the actor answers to the request named id; an empty
// body stands for any.
func judged(answer *http.Response, got, id, body string) ending {
	end := ending{Outcome: outcomeOK, Status: answer.StatusCode}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		end.Outcome = outcomeStatus
		return end
	}
	if named := answer.Header.Get(requestIDHeader); named != id {
		end.Outcome, end.Detail = outcomeWrongBody, fmt.Sprintf("the answer names %q", named)
	} else if body != "" && got != body {
		end.Outcome = outcomeWrongBody
		end.Detail = fmt.Sprintf("%d bytes came back of %d, or others", len(got), len(body))
	}
	return end
}

// filled returns the id repeated to exactly size bytes: a body that belongs to one request only.
func filled(id string, size int) string {
	return strings.Repeat(id+" ", size/(len(id)+1)+1)[:size]
}

// sharedConns are HTTP/2 connections, each of which carries many requests at once.
type sharedConns struct {
	mutex sync.Mutex
	open  map[string][]*http.ClientConn
}

// reserve returns a connection with room for one more request; the room is the caller's.
func (s *sharedConns) reserve(address string) (*http.ClientConn, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	alive := s.open[address][:0]
	var found *http.ClientConn
	for _, conn := range s.open[address] {
		if conn.Err() != nil {
			continue
		}
		alive = append(alive, conn)
		if found == nil && conn.Reserve() == nil {
			found = conn
		}
	}
	s.open[address] = alive
	return found, found != nil
}

// forget keeps further requests off a connection on which one ran out of time: its other end may be
// gone without a word. What is still on it may end there.
func (s *sharedConns) forget(address string, conn *http.ClientConn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open[address] = slices.DeleteFunc(
		s.open[address], func(one *http.ClientConn) bool { return one == conn },
	)
}

func (s *sharedConns) add(address string, conn *http.ClientConn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open[address] = append(s.open[address], conn)
}
