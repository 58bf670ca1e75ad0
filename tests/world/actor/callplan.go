package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Schedules by name: sends evenly apart, or apart as strangers arrive.
const (
	scheduleFixed   = "fixed"
	schedulePoisson = "poisson"
)

// Streams of the seed, so that another mix leaves the times of sending as they were.
const (
	streamTimes = 1
	streamMix   = 2
)

// request is one thing to send, decided before anything is sent.
type request struct {
	ID       string
	Protocol string
	Method   string
	Path     string
	Agent    string
	Target   string
	Planned  time.Duration // after the beginning
}

// weighted is one choice of several; the weights need not add up to anything.
type weighted[T any] struct {
	Weight float64
	Choice T
}

// choose draws one choice by weight.
func choose[T any](random *rand.Rand, choices []weighted[T]) T {
	total := 0.0
	for _, one := range choices {
		total += one.Weight
	}
	at := random.Float64() * total
	for _, one := range choices {
		at -= one.Weight
		if at < 0 {
			return one.Choice
		}
	}
	return choices[len(choices)-1].Choice
}

// parseWeighted reads "WEIGHT*CHOICE", or a choice alone, whose weight is 1.
func parseWeighted(text string) (float64, string, error) {
	head, tail, found := strings.Cut(text, "*")
	weight, err := strconv.ParseFloat(head, 64)
	if !found || err != nil {
		return 1, text, nil
	}
	if !(weight > 0) {
		return 0, "", fmt.Errorf("the weight of %q is not above zero", text)
	}
	return weight, tail, nil
}

// shape is what a request looks like to whoever tells health checks from business.
type shape struct{ Method, Path, Agent string }

// plan says what is sent and when; the same seed gives the same requests at the same times.
type plan struct {
	Run      string // starts each id
	Schedule string
	Rate     float64 // a second
	Count    int     // 0: no limit
	Duration time.Duration
	Targets  []weighted[target]
	Shapes   []weighted[shape]

	times, mix *rand.Rand
	sent       int
	at         time.Duration
}

// target is where a protocol is spoken.
type target struct{ Protocol, Address string }

// begin readies the plan to be drawn from.
func (p *plan) begin(seed uint64) {
	p.times = rand.New(rand.NewPCG(seed, streamTimes))
	p.mix = rand.New(rand.NewPCG(seed, streamMix))
}

// next returns the request that follows, or false after the last one.
func (p *plan) next() (request, bool) {
	p.advance()
	if p.Count > 0 && p.sent >= p.Count || p.Duration > 0 && p.at >= p.Duration {
		return request{}, false
	}
	to := choose(p.mix, p.Targets)
	looks := choose(p.mix, p.Shapes).spoken(to.Protocol)
	one := request{
		ID:       fmt.Sprintf("%s-%07d", p.Run, p.sent),
		Protocol: to.Protocol,
		Target:   to.Address,
		Method:   looks.Method,
		Path:     looks.Path,
		Agent:    looks.Agent,
		Planned:  p.at,
	}
	p.sent++
	return one, true
}

// spoken returns the shape as the server of a protocol sees it: only HTTP can choose all of it.
func (s shape) spoken(protocol string) shape {
	switch protocol {
	case protocolGRPC:
		return shape{"POST", sayMethod, s.Agent}
	case protocolWebSocket:
		return shape{"GET", socketPath, s.Agent}
	case protocolTCP:
		return shape{"LINE", "", ""}
	}
	return s
}

// advance moves to the time of the next request. A fixed schedule multiplies instead of adding,
// so that a million small errors do not become one large one.
func (p *plan) advance() {
	gap := float64(time.Second) / p.Rate
	if p.Schedule == schedulePoisson {
		p.at += time.Duration(p.times.ExpFloat64() * gap)
		return
	}
	p.at = time.Duration(float64(p.sent) * gap)
}
