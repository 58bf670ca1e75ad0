package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// cpuTick is how often what was used is compared with what was told.
	cpuTick = 20 * time.Millisecond
	// burnAtMost ends a share that the machine does not let finish, so that the debt is counted
	// again with what serving used meanwhile.
	burnAtMost = 2 * cpuTick
	// burnChunk is how many rounds of arithmetic pass between two looks at the clock: about 5 µs.
	burnChunk = 10_000
)

// cpuSeconds returns what the whole process has used since it began, serving included.
func cpuSeconds() float64 { return clockSeconds(unix.CLOCK_PROCESS_CPUTIME_ID) }

func clockSeconds(clock int32) float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(clock, &now); err != nil {
		panic(err) // both CPU clocks exist in every Linux
	}
	return float64(now.Sec) + float64(now.Nsec)/1e9
}

// burner makes the process use exactly as much CPU as its timeline tells, by paying the difference
// between the told integral and the process's own CPU clock.
type burner struct {
	told    *timeline
	watch   stopwatch
	catchUp float64 // CPU seconds of debt, or of advance, that are carried

	mutex    sync.Mutex
	forgiven float64 // debt above the bound, never to be paid
	excess   float64 // advance above the bound, never to be saved up
}

// settle returns what is owed now, after dropping what lies outside the bound.
func (b *burner) settle() float64 {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	now := b.told.last(b.watch.seconds())
	owed := now.integral - b.forgiven + b.excess - cpuSeconds()
	bound := b.catchUp
	if now.era.schedule.isNone() {
		bound = 0
	}
	if owed > bound {
		b.forgiven += owed - bound
		return bound
	}
	if owed < -bound {
		b.excess += -bound - owed
		return -bound
	}
	return owed
}

// dropped returns the CPU seconds of debt forgiven and of use beyond what was told.
func (b *burner) dropped() (forgiven, excess float64) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.forgiven, b.excess
}

// set changes the schedule; with none before it, what was used until now is not held against it.
func (b *burner) set(next schedule) {
	b.settle()
	b.told.set(b.watch.seconds(), next)
}

// run burns until ctx ends; without a schedule it sleeps until there is one.
func (b *burner) run(ctx context.Context) {
	ticks := time.NewTicker(cpuTick)
	defer ticks.Stop()
	for {
		wake := ticks.C
		if b.told.last(0).era.schedule.isNone() {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-b.told.changed:
		case <-wake:
			b.pay(b.settle())
		}
	}
}

// pay burns the debt on as many threads as it takes to pay within one tick.
func (b *burner) pay(owed float64) {
	if owed <= 0 {
		return
	}
	threads := min(runtime.NumCPU(), 1+int(owed/cpuTick.Seconds()))
	var all sync.WaitGroup
	for range threads {
		all.Go(func() { burn(owed / float64(threads)) })
	}
	all.Wait()
}

// burn uses `seconds` of this thread's CPU time, or gives up after burnAtMost.
func burn(seconds float64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	until := clockSeconds(unix.CLOCK_THREAD_CPUTIME_ID) + seconds
	deadline := time.Now().Add(burnAtMost)
	sum := uint64(1)
	for clockSeconds(unix.CLOCK_THREAD_CPUTIME_ID) < until && time.Now().Before(deadline) {
		for range burnChunk {
			sum ^= sum<<13 ^ sum>>7
		}
	}
	runtime.KeepAlive(sum)
}
