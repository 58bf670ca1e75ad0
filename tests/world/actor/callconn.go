package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// wire is a connection that carries one request at a time, and what was read beyond its answer.
type wire struct {
	*net.TCPConn
	reader *bufio.Reader
}

// wires opens connections and keeps them between requests, if it is to.
type wires struct {
	keep  bool
	mutex sync.Mutex
	idle  map[string][]*wire // by address
}

func newWires(keep bool) *wires { return &wires{keep: keep, idle: map[string][]*wire{}} }

// take returns the idle connection that was used last and is still alive, or opens one; the
// request's time limit is set on it. Nothing is ever sent twice: a request that meets a connection
// dying under it fails, and says so.
func (w *wires) take(ctx context.Context, address string) (*wire, error) {
	found := w.last(address)
	if found == nil {
		opened, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		found = &wire{opened.(*net.TCPConn), bufio.NewReader(opened)}
	}
	until, _ := ctx.Deadline()
	return found, found.SetDeadline(until)
}

func (w *wires) last(address string) *wire {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for idle := w.idle[address]; len(idle) > 0; idle = w.idle[address] {
		last := idle[len(idle)-1]
		w.idle[address] = idle[:len(idle)-1]
		if last.quiet() {
			return last
		}
		_ = last.Close()
	}
	return nil
}

// give takes a connection back; one that is not reusable is closed.
func (w *wires) give(address string, conn *wire, reusable bool) {
	if !w.keep || !reusable {
		_ = conn.Close()
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.idle[address] = append(w.idle[address], conn)
}

// quiet returns whether nothing has arrived on an idle connection: neither its end, nor an answer
// that nobody asked for.
func (w *wire) quiet() bool {
	if w.reader.Buffered() > 0 || w.SetDeadline(time.Time{}) != nil {
		return false
	}
	raw, err := w.SyscallConn()
	if err != nil {
		return false
	}
	nothing := false
	err = raw.Read(func(descriptor uintptr) bool {
		const look = syscall.MSG_PEEK | syscall.MSG_DONTWAIT
		_, _, peeked := syscall.Recvfrom(int(descriptor), make([]byte, 1), look)
		nothing = errors.Is(peeked, syscall.EAGAIN)
		return true
	})
	return err == nil && nothing
}
