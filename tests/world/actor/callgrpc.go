package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// reconnectDelay is how long gRPC waits after a failure to connect. Its own default of a second
// and more would fail requests that were never tried.
const reconnectDelay = time.Millisecond

// connectTimeout is gRPC's own default; a request's time limit is what ends it sooner.
const connectTimeout = 20 * time.Second

// grpcCaller sends unary requests to `actor.Echo`.
type grpcCaller struct {
	keep  bool
	agent string
	mutex sync.Mutex
	open  map[string]*grpc.ClientConn // by agent and address
}

func newGRPCCaller(options callOptions) *grpcCaller {
	return &grpcCaller{keep: options.keepAlive, open: map[string]*grpc.ClientConn{}}
}

func (c *grpcCaller) call(ctx context.Context, one request) ending {
	conn, err := c.connection(one)
	if err != nil {
		return ending{Outcome: outcomeNotSent, Detail: err.Error()}
	}
	if !c.keep {
		defer func() { _ = conn.Close() }()
	}
	got, err := say(ctx, conn, one.ID, one.ID)
	if err != nil {
		end := failedCall(err)
		if c.keep && end.Outcome == outcomeTimeout {
			c.forget(one, conn)
		}
		return end
	}
	if got != one.ID {
		return ending{Outcome: outcomeWrongBody, Detail: fmt.Sprintf("the answer is %.80q", got)}
	}
	return answered
}

func (c *grpcCaller) connection(one request) (*grpc.ClientConn, error) {
	if !c.keep {
		return dialGRPC(one)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	key := keyOf(one)
	if conn, found := c.open[key]; found {
		return conn, nil
	}
	conn, err := dialGRPC(one)
	if err == nil {
		c.open[key] = conn
	}
	return conn, err
}

// forget keeps further requests off a connection on which one ran out of time.
func (c *grpcCaller) forget(one request, conn *grpc.ClientConn) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.open[keyOf(one)] == conn {
		delete(c.open, keyOf(one))
	}
}

// keyOf tells connections apart; the user agent belongs to a connection, not to a request.
func keyOf(one request) string { return one.Agent + " " + one.Target }

func dialGRPC(one request) (*grpc.ClientConn, error) {
	at := grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: reconnectDelay, MaxDelay: reconnectDelay},
		MinConnectTimeout: connectTimeout, // else a connection has as long as the delay: 1 ms
	}
	return grpc.NewClient(
		"passthrough:///"+one.Target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUserAgent(one.Agent),
		grpc.WithDisableRetry(),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(at),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}),
	)
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
