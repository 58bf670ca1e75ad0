package main

import (
	"context"
	"fmt"
)

// tcpCaller sends one line and expects the same line back.
type tcpCaller struct{ wires *wires }

func newTCPCaller(options callOptions) *tcpCaller {
	return &tcpCaller{newWires(options.keepAlive)}
}

func (c *tcpCaller) call(ctx context.Context, one request) ending {
	conn, err := c.wires.take(ctx, one.Target)
	if err != nil {
		return failed(err, false)
	}
	end := conn.line(one.ID)
	c.wires.give(one.Target, conn, end.Outcome == outcomeOK)
	return end
}

func (w *wire) line(id string) ending {
	if _, err := w.Write([]byte(id + "\n")); err != nil {
		return failed(err, false)
	}
	got, err := w.reader.ReadString('\n')
	if err != nil {
		return failed(err, got != "")
	}
	if got != id+"\n" {
		return ending{Outcome: outcomeWrongBody, Detail: fmt.Sprintf("the answer is %.80q", got)}
	}
	return answered
}
