package main

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// What a line of the log says. A request has two lines, `sent` before anything leaves and `done`;
// one that was never sent has only the second.
const (
	eventBegan = "began"
	eventSent  = "sent"
	eventDone  = "done"
	eventEnded = "ended"
)

// callLine is one line of the log; times are nanoseconds since 1970.
type callLine struct {
	Event    string `json:"event"`
	ID       string `json:"id,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Method   string `json:"method,omitempty"`
	Path     string `json:"path,omitempty"`
	Agent    string `json:"agent,omitempty"`
	Target   string `json:"target,omitempty"`
	Planned  int64  `json:"planned_ns,omitempty"`
	Sent     int64  `json:"sent_ns,omitempty"`
	Done     int64  `json:"done_ns,omitempty"`
	Outcome  string `json:"outcome,omitempty"`
	Status   int    `json:"status,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Run      string `json:"run,omitempty"`
	At       int64  `json:"at_ns,omitempty"`
	Requests int    `json:"requests,omitempty"`
}

// callLog writes each line with one write(2) and no buffer: what is written survives the death of
// the client, and at most the last line can be torn.
type callLog struct {
	mutex sync.Mutex
	file  *os.File
	began time.Time
	wall  int64
	err   error // the first failure to write; the client stops on it
}

// newCallLog opens a log at path, which must not exist: two runs in one file cannot be told apart.
func newCallLog(path string) (*callLog, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	return &callLog{file: file, began: began, wall: began.UnixNano()}, nil
}

// nanoseconds turns a time after the beginning into nanoseconds since 1970. The wall clock is read
// once, so that a step of it cannot make an answer come before its request.
func (l *callLog) nanoseconds(after time.Duration) int64 { return l.wall + after.Nanoseconds() }

// now returns the time since the beginning.
func (l *callLog) now() time.Duration { return time.Since(l.began) }

// write appends one line.
func (l *callLog) write(line callLine) {
	text, err := json.Marshal(line)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if err == nil {
		_, err = l.file.Write(append(text, '\n'))
	}
	if err != nil && l.err == nil {
		l.err = err
	}
}

// failure returns the first error of writing, if there was one.
func (l *callLog) failure() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.err
}

// line returns what both lines of a request have in common.
func (l *callLog) line(event string, one request) callLine {
	return callLine{
		Event: event, ID: one.ID, Protocol: one.Protocol, Method: one.Method, Path: one.Path,
		Agent: one.Agent, Target: one.Target, Planned: l.nanoseconds(one.Planned),
	}
}
