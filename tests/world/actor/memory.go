package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	memoryTick = 50 * time.Millisecond
	// memoryStep bounds one touch, so that a large target does not outrun a look at what is used.
	memoryStep = 256 << 20
	// memorySlack is the difference that is not worth a page: kernels count in batches of pages.
	memorySlack = 64 << 10
	// memoryReserve is address space only; nothing is used until it is touched.
	memoryReserve = 16 << 30
	// tidyEvery is how often Go's own heap is given back while a target is below what is used.
	tidyEvery = 5 * time.Second
)

// holder makes what the process uses equal to what its timeline tells, by touching and releasing
// pages outside Go's heap.
type holder struct {
	told    *timeline
	watch   stopwatch
	measure func() (int64, error)
	source  string // where the measure is read: "rss" or a cgroup's folder
	region  []byte

	mutex sync.Mutex
	held  int64
}

func newHolder(told *timeline, watch stopwatch, source string) (*holder, error) {
	flags := unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_NORESERVE
	region, err := unix.Mmap(-1, 0, memoryReserve, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return nil, fmt.Errorf("reserve address space: %w", err)
	}
	// A huge page would make one touch take 2 MiB.
	if err := unix.Madvise(region, unix.MADV_NOHUGEPAGE); err != nil {
		return nil, fmt.Errorf("refuse huge pages: %w", err)
	}
	source, measure := chooseMeasure(source)
	if _, err := measure(); err != nil {
		return nil, fmt.Errorf("measure memory by %q: %w", source, err)
	}
	return &holder{told: told, watch: watch, measure: measure, source: source, region: region}, nil
}

// run follows the timeline until ctx ends.
func (h *holder) run(ctx context.Context) {
	ticks := time.NewTicker(memoryTick)
	defer ticks.Stop()
	tidied := time.Now()
	for {
		wake := ticks.C
		now := h.told.last(h.watch.seconds())
		if now.era.schedule.isNone() && h.holding() == 0 {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-h.told.changed:
		case <-wake:
		}
		if h.follow() && time.Since(tidied) > tidyEvery {
			debug.FreeOSMemory()
			tidied = time.Now()
		}
	}
}

// follow takes one step towards the target; it returns whether there is nothing left to release.
func (h *holder) follow() (stuck bool) {
	now := h.told.last(h.watch.seconds())
	if now.era.schedule.isNone() {
		h.hold(0)
		return false
	}
	used, err := h.measure()
	if err != nil {
		return false // a cgroup that is being removed; the process is about to end with it
	}
	missing := int64(now.value) - used
	if missing > memorySlack || missing < -memorySlack {
		h.hold(h.holding() + min(missing, memoryStep))
	}
	return missing < -memorySlack && h.holding() == 0
}

// hold touches or releases whole pages until `bytes` are held.
func (h *holder) hold(bytes int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	page := int64(os.Getpagesize())
	bytes = min(max(bytes, 0), int64(len(h.region))) / page * page
	for at := h.held; at < bytes; at += page {
		h.region[at] = 1
	}
	if bytes < h.held {
		if err := unix.Madvise(h.region[bytes:h.held], unix.MADV_DONTNEED); err != nil {
			panic(err) // only wrong arguments can be refused
		}
	}
	h.held = bytes
}

func (h *holder) holding() int64 {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.held
}

// chooseMeasure returns how memory is read. "auto" is the process's cgroup when this process is the
// first of its container, else its resident pages; a folder is that cgroup.
func chooseMeasure(source string) (string, func() (int64, error)) {
	if source == "auto" {
		source = "rss"
		if os.Getpid() == 1 {
			for _, folder := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
				if _, err := workingSet(folder); err == nil {
					source = folder
					break
				}
			}
		}
	}
	if source == "rss" {
		return source, residentBytes
	}
	return source, func() (int64, error) { return workingSet(source) }
}

// residentBytes returns the resident pages of this process.
func residentBytes() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// workingSet returns what the kubelet reports for a cgroup, of version 1 or 2: all that is charged
// to it without the file pages that the kernel would drop first.
func workingSet(folder string) (int64, error) {
	usage, inactive := "memory.usage_in_bytes", "total_inactive_file "
	if _, err := os.Stat(filepath.Join(folder, usage)); err != nil {
		usage, inactive = "memory.current", "inactive_file "
	}
	text, err := os.ReadFile(filepath.Join(folder, usage))
	if err != nil {
		return 0, err
	}
	charged, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, err
	}
	stat, err := os.ReadFile(filepath.Join(folder, "memory.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(stat)) {
		if number, found := strings.CutPrefix(line, inactive); found {
			dropped, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			return max(0, charged-dropped), err
		}
	}
	return charged, nil
}
