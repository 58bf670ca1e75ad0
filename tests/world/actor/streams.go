package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	socketPath = "/ws"
	// largestMessage bounds a WebSocket message and a TCP line: they are ids.
	largestMessage = 64 << 10
)

// serveSocket echoes each WebSocket message; each one is a request of its own.
func (a *actor) serveSocket(reply http.ResponseWriter, request *http.Request) {
	if a.probes.isStarting() {
		reply.Header().Set("Retry-After", retryAfter)
		http.Error(reply, "starting", http.StatusServiceUnavailable)
		return
	}
	options := &websocket.AcceptOptions{InsecureSkipVerify: true} // any page may call a test server
	conn, err := websocket.Accept(reply, request, options)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(largestMessage)
	a.served.connect(protocolWebSocket)
	forget := a.streams.add(func() { _ = conn.Close(websocket.StatusGoingAway, "stopping") })
	defer forget()
	for {
		kind, text, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		agent := request.UserAgent()
		answer := a.served.receive(string(text), protocolWebSocket, request.Method, socketPath, agent)
		err = conn.Write(context.Background(), kind, text)
		answer.end(err != nil)
		if err != nil {
			return
		}
	}
}

// serveLines accepts connections until the listener closes.
func (a *actor) serveLines(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		a.served.connect(protocolTCP)
		if a.probes.isStarting() {
			_ = conn.Close()
			continue
		}
		go a.echoLines(conn)
	}
}

// echoLines answers each line with the same line, until the caller or the program stops.
func (a *actor) echoLines(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	// A deadline in the past wakes the reader; the line it is answering is still written.
	forget := a.streams.add(func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer forget()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, largestMessage)
	lines.Split(wholeLines)
	for lines.Scan() {
		answer := a.served.receive(lines.Text(), protocolTCP, "LINE", "", "")
		_, err := conn.Write(append(lines.Bytes(), '\n'))
		answer.end(err != nil)
		if err != nil {
			return
		}
	}
}

// wholeLines is bufio.ScanLines without a last line that has no end: such a request is torn.
func wholeLines(text []byte, atEnd bool) (int, []byte, error) {
	advance, line, err := bufio.ScanLines(text, false)
	if atEnd && advance == 0 {
		return len(text), nil, err
	}
	return advance, line, err
}

// streams are the long connections that have to be told when the program stops.
type streams struct {
	mutex   sync.Mutex
	next    int
	open    map[int]func()
	closing bool
	empty   sync.WaitGroup
}

// add registers what ends a connection; the returned function is called once it has ended.
func (s *streams) add(end func()) (forget func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.open == nil {
		s.open = map[int]func(){}
	}
	number := s.next
	s.next++
	s.open[number] = end
	s.empty.Add(1)
	if s.closing {
		go end()
	}
	return func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.open, number)
		s.empty.Done()
	}
}

// close ends every connection and waits until ctx ends for the last answers; it returns whether
// all were given.
func (s *streams) close(ctx context.Context) bool {
	s.mutex.Lock()
	s.closing = true
	for _, end := range s.open {
		go end()
	}
	s.mutex.Unlock()
	done := make(chan struct{})
	go func() {
		s.empty.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
