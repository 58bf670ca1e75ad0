package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newLog(size int) *servedLog { return newServedLog(stopwatch{time.Now()}, size, nil) }

func TestEachServingHasOneLineAndACursorGoesOn(t *testing.T) {
	log := newLog(100)
	for i := range 10 {
		log.receive(fmt.Sprintf("r%d", i), protocolTCP, "LINE", "", "").end(false)
	}
	lines, last, lost := log.after(7)
	if len(lines) != 3 || lines[0].ID != "r7" || lines[0].Number != 8 || last != 10 || lost != 0 {
		t.Errorf("%v, last %d, lost %d", lines, last, lost)
	}
	if lines, _, _ := log.after(10); len(lines) != 0 {
		t.Errorf("%v come after the last", lines)
	}
	if lines, _, lost := log.after(99); len(lines) != 0 || lost > 0 {
		t.Errorf("%v, lost %d, after what has not happened", lines, lost)
	}
}

func TestAFullRingForgetsTheOldestAndSaysHowMany(t *testing.T) {
	log := newLog(4)
	for i := range 10 {
		log.receive(fmt.Sprintf("r%d", i), protocolTCP, "LINE", "", "").end(false)
	}
	lines, last, lost := log.after(3)
	if len(lines) != 4 || lines[0].ID != "r6" || lines[3].ID != "r9" || last != 10 || lost != 3 {
		t.Errorf("%v, last %d, lost %d", lines, last, lost)
	}
}

func TestARequestWithoutAnIdIsOnlyCounted(t *testing.T) {
	log := newLog(4)
	log.receive("", protocolHTTP1, "GET", "/healthz", "kube-probe/1.36").end(true)
	if _, last, _ := log.after(0); last != 0 {
		t.Error("it has a line")
	}
	if got := *log.counts[countKey{protocolHTTP1, "/healthz", "kube-probe"}]; got != (tally{1, 1}) {
		t.Errorf("counted %v", got)
	}
}

func TestStrangersCannotMakeTheLogGrow(t *testing.T) {
	log := newLog(4)
	long := strings.Repeat("x", 10*longestText)
	for i := range 3 * mostCounts {
		log.receive(long, protocolHTTP1, "GET", fmt.Sprintf("/%d", i)+long, long).end(false)
	}
	lines, _, _ := log.after(0)
	if len(lines[0].ID)+len(lines[0].Path)+len(lines[0].Agent) > 3*longestText {
		t.Error("texts are kept whole")
	}
	// One more for the paths that came too late.
	if len(log.counts) > mostCounts+1 {
		t.Errorf("%d combinations are counted", len(log.counts))
	}
	if got := log.counts[countKey{protocolHTTP1, otherPath, "other"}].count; got != 2*mostCounts {
		t.Errorf("%d late paths are counted", got)
	}
}

func TestTheFileHasEachLineBeforeTheAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "served")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	log := newServedLog(stopwatch{time.Now()}, 1, file)
	log.receive("a", protocolTCP, "LINE", "", "")
	log.receive("b", protocolTCP, "LINE", "", "")
	text, _ := os.ReadFile(path)
	if lines := strings.Count(string(text), "\n"); lines != 2 {
		t.Errorf("%d lines: %s", lines, text)
	}
}

func TestAProbeFailsAsOftenAsAsked(t *testing.T) {
	p := newProbes()
	p.start()
	p.fail(probeLiveness, 2)
	got := []bool{p.answer(probeLiveness), p.answer(probeReadiness), p.answer(probeLiveness),
		p.answer(probeLiveness)}
	if fmt.Sprint(got) != "[false true false true]" {
		t.Errorf("answers %v", got)
	}
	p.fail(probeReadiness, forever)
	for range 5 {
		if p.answer(probeReadiness) {
			t.Error("a probe that fails for ever passes")
		}
	}
	p.fail(probeReadiness, 0)
	if !p.answer(probeReadiness) {
		t.Error("a probe that was switched back fails")
	}
}

func TestStartingAndStoppingFailTheRightProbes(t *testing.T) {
	p := newProbes()
	answers := func() string {
		return fmt.Sprint(p.answer(probeStartup), p.answer(probeReadiness), p.answer(probeLiveness))
	}
	if got := answers(); got != "false false true" {
		t.Errorf("before the start: %s", got)
	}
	p.start()
	if got := answers(); got != "true true true" {
		t.Errorf("started: %s", got)
	}
	p.stop()
	if got := answers(); got != "true false true" {
		t.Errorf("stopping: %s", got)
	}
}

func TestCallersAndPathsHaveTheirClass(t *testing.T) {
	for agent, class := range map[string]string{
		"kube-probe/1.36": "kube-probe", "ELB-HealthChecker/2.0": "elb-healthchecker",
		"Prometheus/2.42.0": "prometheus", "grpc-go/1.85.0": "grpc", "": "none",
		"Mozilla/5.0": "mozilla", "something": "other", "actor": "actor",
	} {
		if got := agentClass(agent); got != class {
			t.Errorf("%q is %q, not %q", agent, got, class)
		}
	}
	for path, class := range map[string]string{
		"/": "business", "/orders": "business", "/api/v1/x": "business", "/healthy": "business",
		"/healthz": "health", "/readyz": "health", "/livez": "health", "/startupz": "health",
		"/grpc.health.v1.Health/Check": "health", "/actor.Echo/Say": "business",
		"/metrics": "metrics", "/actor/told": "control",
	} {
		if got := pathClass(path); got != class {
			t.Errorf("%q is %q, not %q", path, got, class)
		}
	}
}
