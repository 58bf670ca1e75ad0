package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// Each request opens its own connection if there is none, and so fails by its own attempt. gRPC's
// way is to answer for a while with the failure of the last attempt (measured: a call 13 ms after
// the server was back was still "refused").
const (
	// reconnectDelay is for the moment between seeing a connection alive and using it.
	reconnectDelay = time.Millisecond
	// connectTimeout is gRPC's own default; a request's time limit is what ends it sooner.
	connectTimeout = 20 * time.Second
)

// grpcCaller sends unary requests to `actor.Echo`.
type grpcCaller struct {
	keep  bool
	mutex sync.Mutex
	open  map[string]*grpc.ClientConn // by agent and address: the agent belongs to a connection
}

func newGRPCCaller(options callOptions) *grpcCaller {
	return &grpcCaller{keep: options.keepAlive, open: map[string]*grpc.ClientConn{}}
}

func (c *grpcCaller) call(ctx context.Context, one request) ending {
	key := one.Agent + " " + one.Target
	conn := c.ready(key)
	if conn == nil {
		opened, err := dialGRPC(ctx, one)
		if err != nil {
			return failed(err, false)
		}
		conn = opened
		if !c.offer(key, conn) {
			defer func() { _ = conn.Close() }()
		}
	}
	got, err := say(ctx, conn, one.ID, one.ID)
	if err != nil {
		end := failedCall(err)
		if end.Outcome == outcomeTimeout {
			c.forget(key, conn)
		}
		return end
	}
	if got != one.ID {
		return ending{Outcome: outcomeWrongBody, Detail: fmt.Sprintf("the answer is %.80q", got)}
	}
	return answered
}

// ready returns the connection that is in use and alive, or nil. One that only drains is left to
// what is still on it.
func (c *grpcCaller) ready(key string) *grpc.ClientConn {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	conn := c.open[key]
	if conn == nil {
		return nil
	}
	switch conn.GetState() {
	case connectivity.Ready:
		return conn
	case connectivity.TransientFailure: // it would try to connect for ever
		_ = conn.Close()
	}
	delete(c.open, key)
	return nil
}

// offer lets further requests use a connection, and returns whether they will.
func (c *grpcCaller) offer(key string, conn *grpc.ClientConn) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.keep || c.open[key] != nil {
		return false
	}
	c.open[key] = conn
	return true
}

// forget keeps further requests off a connection on which one ran out of time.
func (c *grpcCaller) forget(key string, conn *grpc.ClientConn) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.open[key] == conn {
		delete(c.open, key)
	}
}

// dialGRPC opens a connection and waits until it is ready for a request.
func dialGRPC(ctx context.Context, one request) (*grpc.ClientConn, error) {
	dialer := new(net.Dialer)
	opened, err := dialer.DialContext(ctx, "tcp", one.Target)
	if err != nil {
		return nil, err
	}
	first := make(chan net.Conn, 1)
	first <- opened
	at := grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: reconnectDelay, MaxDelay: reconnectDelay},
		MinConnectTimeout: connectTimeout, // else a connection has as long as the delay: 1 ms
	}
	conn, err := grpc.NewClient(
		"passthrough:///"+one.Target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUserAgent(one.Agent),
		grpc.WithDisableRetry(),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(at),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			select {
			case opened := <-first:
				return opened, nil
			default:
				return dialer.DialContext(ctx, "tcp", address)
			}
		}),
	)
	if err != nil {
		_ = opened.Close()
		return nil, err
	}
	if err := whenReady(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// errNoGreeting is a connection that was accepted and ended before the server spoke.
var errNoGreeting = errors.New("the connection ended before gRPC could use it")

func whenReady(ctx context.Context, conn *grpc.ClientConn) error {
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		switch state {
		case connectivity.TransientFailure:
			return errNoGreeting
		case connectivity.Idle:
			conn.Connect()
		}
		if !conn.WaitForStateChange(ctx, state) {
			return ctx.Err()
		}
	}
	return nil
}

// unavailable are the texts by which gRPC tells why a connection is not there: it keeps no cause.
var unavailable = []struct{ text, outcome string }{
	{syscall.EADDRNOTAVAIL.Error(), outcomeNotSent},
	{syscall.EMFILE.Error(), outcomeNotSent},
	{"while dialing", outcomeRefused},
}

// failedCall says how a request ended that gRPC reports as failed.
func failedCall(err error) ending {
	end := ending{Outcome: outcomeStatus, Detail: err.Error()}
	switch code := status.Code(err); code {
	case codes.DeadlineExceeded:
		end.Outcome = outcomeTimeout
	case codes.Unavailable:
		end.Outcome = outcomeReset
		for _, cause := range unavailable {
			if strings.Contains(end.Detail, cause.text) {
				end.Outcome = cause.outcome
				break
			}
		}
	default:
		end.Status = int(code)
	}
	return end
}
