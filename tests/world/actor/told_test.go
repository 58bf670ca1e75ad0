package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func newBurner(t *testing.T, text string, catchUp float64, ago time.Duration) *burner {
	t.Helper()
	read, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	watch := stopwatch{time.Now().Add(-ago)}
	return &burner{told: newTimeline(read), watch: watch, catchUp: catchUp}
}

func TestADebtAboveTheBoundIsForgivenAndSaid(t *testing.T) {
	late := newBurner(t, "steady:1000", 2, time.Minute)
	if owed := late.settle(); owed != 2 {
		t.Errorf("%g s are owed", owed)
	}
	if forgiven, excess := late.dropped(); forgiven < 59_000 || excess != 0 {
		t.Errorf("forgiven %g s, excess %g s", forgiven, excess)
	}
}

func TestWhatServingTookBeyondTheScheduleIsNotSavedUpWithoutBound(t *testing.T) {
	burn(0.02)
	ahead := newBurner(t, "steady:0.000001", 0.001, 0)
	if owed := ahead.settle(); math.Abs(owed+0.001) > 1e-9 {
		t.Errorf("%g s are owed", owed)
	}
	if forgiven, excess := ahead.dropped(); forgiven != 0 || excess <= 0 {
		t.Errorf("forgiven %g s, excess %g s", forgiven, excess)
	}
}

func TestAScheduleAfterNoneStartsWithoutDebtOrAdvance(t *testing.T) {
	burn(0.02)
	idle := newBurner(t, "none", 100, time.Minute)
	next, _ := parseSchedule("steady:0.5")
	idle.set(next)
	if owed := idle.settle(); math.Abs(owed) > 0.05 {
		t.Errorf("%g s are owed", owed)
	}
}

func TestBurningTakesTheCPUTimeAskedFor(t *testing.T) {
	before := cpuSeconds()
	for range 10 {
		burn(0.005)
	}
	// Less would be a broken clock or loop; more is what a busy machine adds elsewhere in Go.
	if took := cpuSeconds() - before; took < 0.04 {
		t.Errorf("took %g s", took)
	}
}

func TestPagesAreTakenAndGivenBackWhole(t *testing.T) {
	held, err := newHolder(newTimeline(schedule{}), stopwatch{time.Now()}, "rss")
	if err != nil {
		t.Fatal(err)
	}
	const much = 64 << 20
	before, _ := residentBytes()
	held.hold(much)
	full, _ := residentBytes()
	held.hold(0)
	after, _ := residentBytes()
	const slack = 4 << 20 // Go's own heap, which moves meanwhile
	if math.Abs(float64(full-before-much)) > slack || math.Abs(float64(after-before)) > slack {
		t.Errorf("resident %d, then %d, then %d", before, full, after)
	}
}

func TestAWorkingSetIsReadAsTheKubeletReadsIt(t *testing.T) {
	for version, files := range map[string]map[string]string{
		"1": {
			"memory.usage_in_bytes": "1000\n",
			"memory.stat":           "inactive_file 7\ntotal_inactive_file 100\n",
		},
		"2": {"memory.current": "1000\n", "memory.stat": "anon 5\ninactive_file 100\n"},
	} {
		folder := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := workingSet(folder); err != nil || got != 900 {
			t.Errorf("version %s: %d, %v", version, got, err)
		}
	}
	if _, err := workingSet(t.TempDir()); err == nil {
		t.Error("an empty folder has a working set")
	}
}
