package main

import "sync"

// pool keeps open connections between requests. Without keeping, it is always empty.
type pool[C any] struct {
	mutex sync.Mutex
	keep  bool
	idle  map[string][]C
	live  func(C) bool
	close func(C)
}

func newPool[C any](keep bool, live func(C) bool, shut func(C)) *pool[C] {
	return &pool[C]{keep: keep, idle: map[string][]C{}, live: live, close: shut}
}

// take returns the connection to address that was used last, if one is still alive. Nothing is
// ever sent twice: a request that meets a connection dying under it fails, and says so.
func (p *pool[C]) take(address string) (C, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for {
		idle := p.idle[address]
		if len(idle) == 0 {
			var none C
			return none, false
		}
		last := idle[len(idle)-1]
		p.idle[address] = idle[:len(idle)-1]
		if p.live(last) {
			return last, true
		}
		p.close(last)
	}
}

// give puts a connection back that can serve another request.
func (p *pool[C]) give(address string, conn C) {
	if !p.keep {
		p.close(conn)
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.idle[address] = append(p.idle[address], conn)
}
