package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// tcpCaller sends one line and expects the same line back; a connection carries one at a time.
type tcpCaller struct{ idle *pool[*lineConn] }

// lineConn is a connection and what was read of it beyond the last line.
type lineConn struct {
	*net.TCPConn
	reader *bufio.Reader
}

func newTCPCaller(options callOptions) *tcpCaller {
	return &tcpCaller{idle: newPool(
		options.keepAlive,
		(*lineConn).live,
		func(conn *lineConn) { _ = conn.Close() },
	)}
}

func (c *tcpCaller) call(ctx context.Context, one request) ending {
	conn, err := c.connection(ctx, one.Target)
	if err != nil {
		return failed(err, false)
	}
	end := conn.exchange(ctx, one.ID)
	if end.Outcome == outcomeOK {
		c.idle.give(one.Target, conn)
	} else {
		_ = conn.Close()
	}
	return end
}

func (c *tcpCaller) connection(ctx context.Context, address string) (*lineConn, error) {
	if conn, found := c.idle.take(address); found {
		return conn, nil
	}
	opened, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &lineConn{opened.(*net.TCPConn), bufio.NewReader(opened)}, nil
}

func (c *lineConn) exchange(ctx context.Context, id string) ending {
	until, _ := ctx.Deadline()
	if err := c.SetDeadline(until); err != nil {
		return failed(err, false)
	}
	if _, err := c.Write([]byte(id + "\n")); err != nil {
		return failed(err, false)
	}
	got, err := c.reader.ReadString('\n')
	if err != nil {
		return failed(err, got != "")
	}
	if got != id+"\n" {
		return ending{Outcome: outcomeWrongBody, Detail: fmt.Sprintf("the answer is %.80q", got)}
	}
	return answered
}

// live returns whether nothing has arrived on an idle connection: neither its end, nor a line that
// nobody asked for.
func (c *lineConn) live() bool {
	if c.reader.Buffered() > 0 {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil || c.SetDeadline(time.Time{}) != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(descriptor uintptr) bool {
		var one [1]byte
		_, _, peeked := syscall.Recvfrom(
			int(descriptor), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT,
		)
		quiet = errors.Is(peeked, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet && !errors.Is(err, io.EOF)
}
