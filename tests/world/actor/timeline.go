package main

import (
	"errors"
	"sync"
	"time"
)

// stopwatch counts seconds from the start of the program on the monotonic clock, and says which
// wall time a second was: a step of the wall clock changes no schedule.
type stopwatch struct{ started time.Time }

func (s stopwatch) seconds() float64 { return time.Since(s.started).Seconds() }

// wall returns the nanoseconds since 1970 of a second of the stopwatch.
func (s stopwatch) wall(seconds float64) int64 {
	return s.started.UnixNano() + int64(seconds*float64(time.Second))
}

// second returns the second of the stopwatch at a wall time.
func (s stopwatch) second(wall int64) float64 {
	return float64(wall-s.started.UnixNano()) / float64(time.Second)
}

// era is the time from `from` on during which one schedule holds.
type era struct {
	from     float64
	before   float64 // the integral of all earlier eras
	schedule schedule
}

// mostEras bounds what a program that is told something else over and over remembers.
const mostEras = 1000

var errForgotten = errors.New("that moment lies before what is remembered")

// timeline is every schedule there was, so that any past moment can be asked about.
type timeline struct {
	mutex   sync.Mutex
	eras    []era
	changed chan struct{}
}

func newTimeline(first schedule) *timeline {
	return &timeline{eras: []era{{schedule: first}}, changed: make(chan struct{}, 1)}
}

// set makes another schedule hold from `now` on; it starts at its own second 0.
func (l *timeline) set(now float64, next schedule) {
	l.mutex.Lock()
	last := l.eras[len(l.eras)-1]
	before := last.before + last.schedule.integral(now-last.from)
	l.eras = append(l.eras, era{from: now, before: before, schedule: next})
	if len(l.eras) > mostEras {
		l.eras = l.eras[1:]
	}
	l.mutex.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// moment is what was told at one second: the era, the amount and the integral up to there.
type moment struct {
	era             era
	value, integral float64
}

func (l *timeline) at(t float64) (moment, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for i := len(l.eras) - 1; i >= 0; i-- {
		if one := l.eras[i]; one.from <= t {
			into := t - one.from
			return moment{one, one.schedule.value(into), one.before + one.schedule.integral(into)}, nil
		}
	}
	return moment{}, errForgotten
}

// last returns the era that holds now, and the integral at `t` within it.
func (l *timeline) last(t float64) moment {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	one := l.eras[len(l.eras)-1]
	into := max(0, t-one.from)
	return moment{one, one.schedule.value(into), one.before + one.schedule.integral(into)}
}
