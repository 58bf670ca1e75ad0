package main

import "sync"

// The kubelet's three kinds of probe.
const (
	probeStartup   = "startup"
	probeReadiness = "readiness"
	probeLiveness  = "liveness"
)

var probeNames = []string{probeStartup, probeReadiness, probeLiveness}

// probeOfPath returns which probe a path answers, or "" for any other path.
func probeOfPath(path string) string {
	switch path {
	case "/startupz":
		return probeStartup
	case "/readyz":
		return probeReadiness
	case "/livez", "/healthz":
		return probeLiveness
	}
	return ""
}

// probes knows which probes fail now: because the program is starting or stopping, or because a
// test asked for it.
type probes struct {
	mutex    sync.Mutex
	started  bool
	stopping bool
	asked    map[string]int // failures still to answer; forever until switched off
	changed  chan struct{}  // closed when an answer may have changed
}

// forever is a count of failures that does not run out.
const forever = -1

func newProbes() *probes {
	return &probes{asked: map[string]int{}, changed: make(chan struct{})}
}

// fail makes a probe fail the next `count` times, or for ever, or not at all with count 0.
func (p *probes) fail(probe string, count int) {
	p.change(func() { p.asked[probe] = count })
}

// start and stop tell what the program itself is at.
func (p *probes) start() { p.change(func() { p.started = true }) }
func (p *probes) stop()  { p.change(func() { p.stopping = true }) }

func (p *probes) change(what func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	what()
	close(p.changed)
	p.changed = make(chan struct{})
}

// answer returns whether a probe passes, and uses up one of the failures asked for.
func (p *probes) answer(probe string) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	left := p.asked[probe]
	if left > 0 {
		p.asked[probe] = left - 1
	}
	return left == 0 && p.inOrder(probe)
}

// look returns whether a probe would pass and a channel closed when that may have changed.
func (p *probes) look(probe string) (bool, <-chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.asked[probe] == 0 && p.inOrder(probe), p.changed
}

func (p *probes) inOrder(probe string) bool {
	switch probe {
	case probeStartup:
		return p.started
	case probeReadiness:
		return p.started && !p.stopping
	}
	return true
}

// isStarting returns whether the start delay has not passed yet.
func (p *probes) isStarting() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return !p.started
}

// isStopping returns whether the program has been asked to stop.
func (p *probes) isStopping() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.stopping
}
