package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const testLimit = 20 * time.Second

// started starts an actor on free ports of the loopback; it is stopped at the end of the test.
func started(t *testing.T, more ...string) (*actor, context.Context) {
	t.Helper()
	const free = "127.0.0.1:0"
	arguments := append([]string{"--http", free, "--grpc", free, "--tcp", free}, more...)
	settings, err := readSettings(arguments)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newActor(settings, stopwatch{time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testLimit)
	t.Cleanup(func() {
		cancel()
		a.stop(0)
	})
	return a, ctx
}

func dialRPC(t *testing.T, a *actor) *grpc.ClientConn {
	t.Helper()
	secret := grpc.WithTransportCredentials(insecure.NewCredentials())
	conn, err := grpc.NewClient(a.opened.GRPC, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ids returns what the ledger has of one protocol.
func ids(a *actor, protocol string) string {
	lines, _, _ := a.served.after(0)
	var found []string
	for _, line := range lines {
		if line.Protocol == protocol {
			found = append(found, line.ID+" "+line.Path)
		}
	}
	return strings.Join(found, ", ")
}

func ask(t *testing.T, client *http.Client, url, id, body string) (int, string, string) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, "", ""
	}
	if id != "" {
		request.Header.Set(requestIDHeader, id)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return 0, "", ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return answer.StatusCode, answer.Header.Get(requestIDHeader), string(text)
}

func TestOnePortServesBothVersionsOfHTTP(t *testing.T) {
	a, _ := started(t)
	a.probes.start()
	for _, protocol := range []string{protocolHTTP1, protocolHTTP2} {
		speaks := new(http.Protocols)
		speaks.SetHTTP1(protocol == protocolHTTP1)
		speaks.SetUnencryptedHTTP2(protocol == protocolHTTP2)
		client := &http.Client{Transport: &http.Transport{Protocols: speaks}}
		code, named, text := ask(t, client, "http://"+a.opened.HTTP+"/orders", "get", "")
		if code != 200 || named != "get" || text != "get\n" {
			t.Errorf("%s: %d %q %q", protocol, code, named, text)
		}
		_, _, text = ask(t, client, "http://"+a.opened.HTTP+"/api/x", "post", "hello")
		if text != "hello" {
			t.Errorf("%s: %q came back", protocol, text)
		}
		if got := ids(a, protocol); got != "get /orders, post /api/x" {
			t.Errorf("%s: the ledger has %s", protocol, got)
		}
		client.CloseIdleConnections()
	}
}

func TestAStopWaitsForWhatIsUnderWay(t *testing.T) {
	for _, protocol := range []string{protocolHTTP1, protocolHTTP2} {
		a, ctx := started(t)
		a.probes.start()
		speaks := new(http.Protocols)
		speaks.SetHTTP1(protocol == protocolHTTP1)
		speaks.SetUnencryptedHTTP2(protocol == protocolHTTP2)
		client := &http.Client{Transport: &http.Transport{Protocols: speaks}}
		answers := make(chan string, 1)
		go func() {
			url := "http://" + a.opened.HTTP + "/?delay=300ms"
			code, _, text := ask(t, client, url, "slow", "")
			answers <- fmt.Sprint(code, text)
		}()
		for ids(a, protocol) == "" && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		if code := a.stop(5); code != 5 {
			t.Errorf("%s: stopped with %d", protocol, code)
		}
		select {
		case got := <-answers:
			if got != "200slow\n" {
				t.Errorf("%s: answered %q", protocol, got)
			}
		case <-ctx.Done():
			t.Errorf("%s: not answered", protocol)
		}
	}
}

func TestARequestMayAskForItsAnswer(t *testing.T) {
	a, _ := started(t)
	a.probes.start()
	for query, want := range map[string]string{
		"status=418": "418 1", "bytes=5000": "200 5000", "delay=1ms": "200 1",
		"delay=1h": "400", "status=99": "400", "bytes=-1": "400", "bytes=x": "400",
	} {
		code, _, text := ask(t, http.DefaultClient, "http://"+a.opened.HTTP+"/?"+query, "", "")
		if got := fmt.Sprint(code, len(text)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, not %s", query, got, want)
		}
	}
}

func TestEchoAnswersCallsAndStreams(t *testing.T) {
	a, ctx := started(t)
	a.probes.start()
	conn := dialRPC(t, a)
	if text, err := say(ctx, conn, "one", "hello"); text != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	next, err := repeat(ctx, conn, "two", 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if text, err := next(); text != "two" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	if _, err := next(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
	if got := ids(a, protocolGRPC); got != "one /actor.Echo/Say, two /actor.Echo/Repeat" {
		t.Errorf("the ledger has %s", got)
	}
}

func TestGRPCHealthFollowsTheProbes(t *testing.T) {
	a, ctx := started(t)
	conn := dialRPC(t, a)
	client := healthpb.NewHealthClient(conn)
	check := func(service string) string {
		answer, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			return status.Code(err).String()
		}
		return answer.GetStatus().String()
	}
	watch, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		if seen, err := watch.Recv(); err != nil || seen.GetStatus().String() != want {
			t.Errorf("watched %v, %v, not %s", seen, err, want)
		}
	}
	expect("NOT_SERVING")
	if got := check("") + check("liveness"); got != "NOT_SERVINGSERVING" {
		t.Errorf("starting: %s", got)
	}
	if _, err := say(ctx, conn, "early", ""); status.Code(err) != codes.Unavailable {
		t.Errorf("an early call ends with %v", err)
	}
	a.probes.start()
	expect("SERVING")
	a.probes.fail(probeLiveness, 1)
	if got := check("liveness") + check("liveness"); got != "NOT_SERVINGSERVING" {
		t.Errorf("one failure: %s", got)
	}
	if got := check("stranger"); got != "NotFound" {
		t.Errorf("a stranger: %s", got)
	}
	key := countKey{protocolGRPC, "/grpc.health.v1.Health/Check", "grpc"}
	if got := *a.served.counts[key]; got != (tally{5, 3}) {
		t.Errorf("counted %v", got)
	}
}

func TestAWebSocketAnswersEachMessage(t *testing.T) {
	a, ctx := started(t)
	a.probes.start()
	conn, _, err := websocket.Dial(ctx, "ws://"+a.opened.HTTP+socketPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"w1", "w2"} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(id)); err != nil {
			t.Fatal(err)
		}
		if _, text, err := conn.Read(ctx); string(text) != id || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	if got := ids(a, protocolWebSocket); got != "w1 /ws, w2 /ws" {
		t.Errorf("the ledger has %s", got)
	}
	go a.streams.close(ctx) // it waits for the client to agree, who reads below
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("stopping ends it with %v", err)
	}
}

func TestATornLineIsNoRequest(t *testing.T) {
	a, _ := started(t)
	a.probes.start()
	conn, err := net.DialTimeout("tcp", a.opened.TCP, testLimit)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(testLimit))
	if _, err := io.WriteString(conn, "t1\nt2\ntorn"); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	text, err := io.ReadAll(bufio.NewReader(conn))
	if string(text) != "t1\nt2\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if got := ids(a, protocolTCP); got != "t1 , t2 " {
		t.Errorf("the ledger has %s", got)
	}
}

func TestSettingsComeFromFlagsBeforeTheEnvironment(t *testing.T) {
	t.Setenv("ACTOR_CPU", "steady:0.5")
	t.Setenv("ACTOR_START_DELAY", "3s")
	read, err := readSettings([]string{"--cpu", "steady:0.25"})
	if err != nil || read.cpu.text != "steady:0.25" || read.startDelay != 3*time.Second {
		t.Errorf("%v, %v", read, err)
	}
	t.Setenv("ACTOR_REMEMBER", "many")
	if _, err := readSettings(nil); err == nil || !strings.Contains(err.Error(), "ACTOR_REMEMBER") {
		t.Errorf("a wrong word in the environment: %v", err)
	}
}
