package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func init() { commands["call"] = runCall }

// caller sends one request and says how it ended, at the latest when ctx is done.
type caller interface {
	call(ctx context.Context, one request) ending
}

// callers makes the client of each protocol.
var callers = map[string]func(callOptions) caller{
	protocolHTTP1:     func(o callOptions) caller { return newHTTP1Caller(o) },
	protocolHTTP2:     func(o callOptions) caller { return newHTTP2Caller(o) },
	protocolGRPC:      func(o callOptions) caller { return newGRPCCaller(o) },
	protocolWebSocket: func(o callOptions) caller { return newSocketCaller(o) },
	protocolTCP:       func(o callOptions) caller { return newTCPCaller(o) },
}

// runCall sends what it was told to, each request at its planned time however slowly the others
// are answered (an open loop), and writes down each. A signal ends the sending, not what is under
// way; a second one ends the program.
func runCall(arguments []string) int {
	options, err := parseCall(arguments)
	if err != nil {
		fmt.Fprintln(os.Stderr, "actor call:", err)
		return exitUsage
	}
	log, err := newCallLog(options.log)
	if err != nil {
		fmt.Fprintln(os.Stderr, "actor call:", err)
		return 1
	}
	stopping, release := signal.NotifyContext(
		context.Background(), syscall.SIGINT, syscall.SIGTERM,
	)
	context.AfterFunc(stopping, release)
	newClient(options, log).run(stopping)
	if err := log.failure(); err != nil {
		fmt.Fprintln(os.Stderr, "actor call: the log is incomplete:", err)
		return 1
	}
	return 0
}

// client is a run of `actor call`.
type client struct {
	options callOptions
	log     *callLog
	callers map[string]caller
	places  chan struct{} // one for each request that may be under way
	ending  sync.WaitGroup
}

func newClient(options callOptions, log *callLog) *client {
	made := map[string]caller{}
	for _, to := range options.plan.Targets {
		protocol := to.Choice.Protocol
		if made[protocol] == nil {
			made[protocol] = callers[protocol](options)
		}
	}
	places := make(chan struct{}, options.maxInFlight)
	return &client{options: options, log: log, callers: made, places: places}
}

// run sends until the plan or the time is over, and waits for what is under way, which its own
// time limit bounds.
func (c *client) run(stopping context.Context) {
	p := c.options.plan
	p.begin(c.options.seed)
	c.log.write(callLine{Event: eventBegan, Run: p.Run, At: c.log.nanoseconds(0)})
	requests := 0
	for c.log.failure() == nil {
		one, more := p.next()
		if !more || !c.waitUntil(stopping, one.Planned) {
			break
		}
		c.start(one)
		requests++
	}
	c.ending.Wait()
	c.log.write(callLine{
		Event: eventEnded, Run: p.Run, At: c.log.nanoseconds(c.log.now()), Requests: requests,
	})
}

// waitUntil sleeps until a time after the beginning; a time that has passed does not wait, and is
// not made up for: what comes after keeps its own time.
func (c *client) waitUntil(stopping context.Context, planned time.Duration) bool {
	wait := time.NewTimer(planned - c.log.now())
	defer wait.Stop()
	select {
	case <-stopping.Done():
		return false
	case <-wait.C:
		return stopping.Err() == nil
	}
}

// start writes down that a request is about to leave, and lets it. The intent comes first: if the
// client dies in between, the ledger says "unknown" and not "never sent".
func (c *client) start(one request) {
	select {
	case c.places <- struct{}{}:
	default:
		line := c.log.line(eventDone, one)
		line.Outcome, line.Detail = outcomeNotSent, "too many requests under way"
		line.Done = c.log.nanoseconds(c.log.now())
		c.log.write(line)
		return
	}
	intent := c.log.line(eventSent, one)
	intent.Sent = c.log.nanoseconds(c.log.now())
	c.log.write(intent)
	c.ending.Add(1)
	go c.send(one, intent)
}

func (c *client) send(one request, line callLine) {
	defer c.ending.Done()
	defer func() { <-c.places }()
	ctx, cancel := context.WithTimeout(context.Background(), c.options.timeout)
	defer cancel()
	end := c.callers[one.Protocol].call(ctx, one)
	line.Event, line.Done = eventDone, c.log.nanoseconds(c.log.now())
	line.Outcome, line.Status, line.Detail = end.Outcome, end.Status, end.Detail
	c.log.write(line)
}
