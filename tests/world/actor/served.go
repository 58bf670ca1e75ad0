package main

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
)

const (
	// longestText bounds what a stranger's id, path or agent takes of the memory.
	longestText = 200
	// mostCounts bounds the combinations told apart; later paths count as otherPath.
	mostCounts = 1000
	otherPath  = "(other)"
)

// latencyBounds are the upper bounds of the histogram's buckets, in seconds.
var latencyBounds = [...]float64{0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10}

// serving is one line of the ledger: a request with an id, noted when it was received.
type serving struct {
	Number   int64  `json:"n"`
	ID       string `json:"id"`
	Protocol string `json:"protocol"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	Received int64  `json:"received_ns"`
	Agent    string `json:"agent"`
}

// countKey is what requests are counted by.
type countKey struct{ protocol, path, agent string }

// tally is how often something was asked and how often the answer was no.
type tally struct{ count, failed int64 }

// latency is a histogram of how long answers took.
type latency struct {
	below [len(latencyBounds)]int64 // not cumulative
	count int64
	sum   float64
}

// latencyKey is what answers are timed by.
type latencyKey struct{ protocol, class string }

// servedLog knows what was served: the last requests one by one, and all of them in numbers.
type servedLog struct {
	watch stopwatch
	file  *os.File // every line again, for the day after a crash; may be nil

	mutex       sync.Mutex
	ring        []serving
	size        int64
	last        int64 // number of the newest line; the first is 1
	counts      map[countKey]*tally
	latencies   map[latencyKey]*latency
	connections map[string]int64
	running     int64
}

func newServedLog(watch stopwatch, size int, file *os.File) *servedLog {
	return &servedLog{
		watch: watch, file: file, size: int64(size),
		counts:      map[countKey]*tally{},
		latencies:   map[latencyKey]*latency{},
		connections: map[string]int64{},
	}
}

// receive notes a request before anything is answered; the caller ends it exactly once.
func (l *servedLog) receive(id, protocol, method, path, agent string) *answering {
	began := l.watch.seconds()
	id, path, agent = clip(id), clip(path), clip(agent)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.running++
	counted := l.tally(countKey{protocol, path, agentClass(agent)})
	counted.count++
	if id != "" {
		l.note(serving{0, id, protocol, method, path, l.watch.wall(began), agent})
	}
	return &answering{l, counted, latencyKey{protocol, pathClass(path)}, began}
}

func (l *servedLog) tally(key countKey) *tally {
	counted, known := l.counts[key]
	if !known && len(l.counts) >= mostCounts {
		key.path = otherPath
		counted, known = l.counts[key]
	}
	if !known {
		counted = &tally{}
		l.counts[key] = counted
	}
	return counted
}

func (l *servedLog) note(line serving) {
	l.last++
	line.Number = l.last
	if int64(len(l.ring)) < l.size {
		l.ring = append(l.ring, line)
	} else {
		l.ring[(l.last-1)%l.size] = line
	}
	if l.file == nil {
		return
	}
	text, err := json.Marshal(line)
	if err == nil {
		_, err = l.file.Write(append(text, '\n'))
	}
	if err != nil { // a ledger with a hole must not look whole
		panic(err)
	}
}

// after returns the lines with a number above `number` that are still remembered, the number of
// the newest line and how many lines after `number` are forgotten.
func (l *servedLog) after(number int64) (lines []serving, last, lost int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	oldest := l.last - int64(len(l.ring)) + 1
	first := max(number+1, oldest)
	for at := first; at <= l.last; at++ {
		lines = append(lines, l.ring[(at-1)%l.size])
	}
	return lines, l.last, first - (number + 1)
}

// connect counts a connection of a protocol whose connections matter by themselves.
func (l *servedLog) connect(protocol string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.connections[protocol]++
}

// answering is a request that has been received and not answered yet.
type answering struct {
	log     *servedLog
	counted *tally
	timed   latencyKey
	began   float64
}

// end notes that the answer is complete, and whether it said no.
func (a *answering) end(isFailure bool) {
	took := a.log.watch.seconds() - a.began
	a.log.mutex.Lock()
	defer a.log.mutex.Unlock()
	a.log.running--
	if isFailure {
		a.counted.failed++
	}
	timed, known := a.log.latencies[a.timed]
	if !known {
		timed = &latency{}
		a.log.latencies[a.timed] = timed
	}
	timed.add(took)
}

func (l *latency) add(seconds float64) {
	l.count++
	l.sum += seconds
	for i, bound := range latencyBounds {
		if seconds <= bound {
			l.below[i]++
			return
		}
	}
}

// clip returns at most longestText bytes of text, copied so that nothing larger is kept alive.
func clip(text string) string {
	return strings.Clone(text[:min(len(text), longestText)])
}
