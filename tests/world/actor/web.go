package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// largestBody is how much of a request's body is read and echoed.
	largestBody = 1 << 20
	// longestDelay and largestReply bound what a request may ask for.
	longestDelay = 10 * time.Minute
	largestReply = 64 << 20
	// retryAfter is what a program that is starting tells its callers, in seconds.
	retryAfter = "1"
)

// ServeHTTP answers everything that comes over HTTP/1.1 and HTTP/2.
func (a *actor) ServeHTTP(reply http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	if strings.HasPrefix(path, controlPrefix) {
		a.control.ServeHTTP(reply, request)
		return
	}
	if path == socketPath {
		a.serveSocket(reply, request)
		return
	}
	id := request.Header.Get(requestIDHeader)
	protocol := protocolHTTP1
	if request.ProtoMajor == 2 {
		protocol = protocolHTTP2
	}
	seen := &statusWriter{ResponseWriter: reply, status: http.StatusOK}
	answer := a.served.receive(id, protocol, request.Method, path, request.UserAgent())
	defer func() { answer.end(seen.status >= http.StatusBadRequest) }()
	if id != "" {
		seen.Header().Set(requestIDHeader, id)
	}
	if a.probes.isStopping() && protocol == protocolHTTP1 {
		// Without this a kept connection is closed under a request that is on its way.
		seen.Header().Set("Connection", "close")
	}
	probe := probeOfPath(path)
	switch {
	case probe != "":
		a.serveProbe(seen, probe)
	case path == "/metrics":
		a.serveMetrics(seen)
	case a.probes.isStarting():
		seen.Header().Set("Retry-After", retryAfter)
		http.Error(seen, "starting", http.StatusServiceUnavailable)
	default:
		serveBusiness(seen, request, id)
	}
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (a *actor) serveProbe(reply http.ResponseWriter, probe string) {
	if !a.probes.answer(probe) {
		http.Error(reply, probe+" fails", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(reply, "ok")
}

// wishes are what a business request may ask of its answer.
type wishes struct {
	delay  time.Duration
	status int
	bytes  int
}

// readWishes reads ?delay=100ms&status=503&bytes=1000.
func readWishes(request *http.Request) (wish wishes, err error) {
	query := request.URL.Query()
	wish.status = http.StatusOK
	if text := query.Get("delay"); text != "" {
		wish.delay, err = time.ParseDuration(text)
	}
	for name, number := range map[string]*int{"status": &wish.status, "bytes": &wish.bytes} {
		if text := query.Get(name); text != "" && err == nil {
			*number, err = strconv.Atoi(text)
		}
	}
	if err == nil && (wish.delay < 0 || wish.delay > longestDelay || wish.bytes < 0 ||
		wish.bytes > largestReply || wish.status < 200 || wish.status > 599) {
		err = fmt.Errorf("%q asks for too much", request.URL.RawQuery)
	}
	return wish, err
}

// serveBusiness echoes the body, or answers the bytes asked for, or the request's id.
func serveBusiness(reply http.ResponseWriter, request *http.Request, id string) {
	wish, err := readWishes(request)
	if err != nil {
		http.Error(reply, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(reply, request.Body, largestBody))
	if err != nil {
		http.Error(reply, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	select {
	case <-time.After(wish.delay):
	case <-request.Context().Done():
		return
	}
	if len(body) == 0 {
		body = []byte(id + "\n")
	}
	if wish.bytes > 0 {
		body = []byte(strings.Repeat("x", wish.bytes))
	}
	reply.Header().Set("Content-Type", "application/octet-stream")
	reply.Header().Set("Content-Length", strconv.Itoa(len(body)))
	reply.WriteHeader(wish.status)
	_, _ = reply.Write(body) // a caller that has left is the caller's loss
}
