package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

const (
	exitFailed    = 1 // a port is taken, or the drain took longer than its limit
	headerTimeout = 10 * time.Second
	// streamsPerConnection is HTTP/2's limit: enough that a client needs one connection.
	streamsPerConnection = 1000
)

func init() { commands["serve"] = runServe }

// actor is one running server.
type actor struct {
	settings serveSettings
	watch    stopwatch
	served   *servedLog
	probes   *probes
	burner   *burner
	holder   *holder
	control  http.Handler
	streams  streams
	endings  chan int // the exit code, once the program is to stop

	web    *http.Server
	opened event // the addresses
	rpc    *grpc.Server
	lines  net.Listener
}

func runServe(arguments []string) int {
	watch := stopwatch{time.Now()}
	settings, err := readSettings(arguments)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "actor serve: %v\n", err)
		return exitUsage
	}
	served, err := newActor(settings, watch)
	if err == nil {
		return served.run()
	}
	fmt.Fprintf(os.Stderr, "actor serve: %v\n", err)
	return exitFailed
}

func newActor(settings serveSettings, watch stopwatch) (*actor, error) {
	// One thread more than may burn, so that serving never waits for burning.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	var file *os.File
	if settings.servedLog != "" {
		const flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
		opened, err := os.OpenFile(settings.servedLog, flags, 0o644)
		if err != nil {
			return nil, err
		}
		file = opened
	}
	holder, err := newHolder(newTimeline(settings.memory), watch, settings.measure)
	if err != nil {
		return nil, err
	}
	a := &actor{
		settings: settings,
		watch:    watch,
		served:   newServedLog(watch, settings.remember, file),
		probes:   newProbes(),
		burner: &burner{
			told: newTimeline(settings.cpu), watch: watch, catchUp: settings.catchUp.Seconds(),
		},
		holder:  holder,
		endings: make(chan int, 1),
	}
	a.control = a.newControl()
	return a, nil
}

// run serves until it is told to end, and returns the exit code.
func (a *actor) run() int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go a.burner.run(ctx)
	go a.holder.run(ctx)
	a.arrangeEnding()
	tell(event{Event: "began"})
	select {
	case <-time.After(a.settings.listenDelay):
	case code := <-a.endings:
		return code
	}
	if err := a.listen(); err != nil {
		fmt.Fprintf(os.Stderr, "actor serve: %v\n", err)
		return exitFailed
	}
	select {
	case <-time.After(a.settings.startDelay):
		a.probes.start()
		tell(event{Event: "ready"})
	case code := <-a.endings:
		return a.stop(code)
	}
	return a.stop(<-a.endings)
}

// arrangeEnding makes signals and set times end the program; a second signal ends it at once.
func (a *actor) arrangeEnding() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		a.end(a.settings.exitCode)
		<-signals
		os.Exit(exitFailed)
	}()
	if after := a.settings.exitAfter; after > 0 {
		time.AfterFunc(after, func() { a.end(a.settings.exitCode) })
	}
	if after := a.settings.crashAfter; after > 0 {
		time.AfterFunc(after, func() { os.Exit(a.settings.crashCode) })
	}
}

// end asks for a drain and an exit code; whoever asks first is heard.
func (a *actor) end(code int) {
	select {
	case a.endings <- code:
	default:
	}
}

// listen opens the ports and says which they are.
func (a *actor) listen() error {
	speaks := new(http.Protocols)
	speaks.SetHTTP1(true)
	speaks.SetUnencryptedHTTP2(true)
	a.web = &http.Server{
		Handler: a, Protocols: speaks, ReadHeaderTimeout: headerTimeout,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streamsPerConnection},
	}
	a.rpc = a.newRPC()
	a.opened = event{Event: "listening"}
	ports := []struct {
		address string
		name    *string
		serve   func(net.Listener)
	}{
		{a.settings.http, &a.opened.HTTP, func(on net.Listener) { _ = a.web.Serve(on) }},
		{a.settings.grpc, &a.opened.GRPC, func(on net.Listener) { _ = a.rpc.Serve(on) }},
		{a.settings.tcp, &a.opened.TCP, a.serveLines},
	}
	for _, port := range ports {
		if port.address == off {
			continue
		}
		listener, err := net.Listen("tcp", port.address)
		if err != nil {
			return err
		}
		*port.name = listener.Addr().String()
		if port.name == &a.opened.TCP {
			a.lines = listener
		}
		go port.serve(listener)
	}
	tell(a.opened)
	return nil
}

// stop drains: unready first, then no connection more, then the last answers. It returns `code`,
// or exitFailed if the limit passed with answers still due.
func (a *actor) stop(code int) int {
	tell(event{Event: "stopping"})
	a.probes.stop()
	time.Sleep(a.settings.drainDelay)
	ctx, cancel := context.WithTimeout(context.Background(), a.settings.drainLimit)
	defer cancel()
	if a.lines != nil {
		_ = a.lines.Close()
	}
	answered := make(chan bool, 3)
	go func() { answered <- a.streams.close(ctx) }()
	go func() { answered <- a.web.Shutdown(ctx) == nil }()
	go func() { answered <- a.stopRPC(ctx) }()
	isWhole := true
	for range cap(answered) {
		isWhole = <-answered && isWhole
	}
	if !isWhole {
		code = exitFailed
	}
	tell(event{Event: "stopped", Code: &code})
	return code
}

// stopRPC ends gRPC, by force once ctx has ended; it returns whether every call was answered.
func (a *actor) stopRPC(ctx context.Context) bool {
	force := context.AfterFunc(ctx, a.rpc.Stop)
	a.rpc.GracefulStop()
	return force()
}

// event is one line that the program says about itself on its output.
type event struct {
	Event string `json:"event"`
	HTTP  string `json:"http,omitempty"`
	GRPC  string `json:"grpc,omitempty"`
	TCP   string `json:"tcp,omitempty"`
	Code  *int   `json:"code,omitempty"`
}

func tell(what event) {
	_ = json.NewEncoder(os.Stdout).Encode(what) // a reader that has left must not stop the program
}
