package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// serveMetrics answers what Prometheus asks, in its text format 0.0.4.
func (a *actor) serveMetrics(reply http.ResponseWriter) {
	now, err := a.told(a.watch.seconds())
	if err != nil {
		http.Error(reply, err.Error(), http.StatusInternalServerError)
		return
	}
	resident, err := residentBytes()
	if err != nil {
		http.Error(reply, err.Error(), http.StatusInternalServerError)
		return
	}
	reply.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	out := exposition{reply}
	a.served.expose(out)
	out.family("actor_cpu_told_seconds_total", "counter", "CPU seconds the schedule asked for.")
	out.sample("actor_cpu_told_seconds_total", "", now.CPU.Told)
	out.family("actor_cpu_forgiven_seconds_total", "counter", "CPU seconds that could not be used.")
	out.sample("actor_cpu_forgiven_seconds_total", "", now.CPU.Forgiven)
	out.family("actor_cpu_told_cores", "gauge", "Cores the schedule asks for now.")
	out.sample("actor_cpu_told_cores", "", now.CPU.Cores)
	out.family("actor_memory_told_bytes", "gauge", "Memory the schedule asks for now.")
	out.sample("actor_memory_told_bytes", "", now.Memory.Target)
	out.family("actor_memory_held_bytes", "gauge", "Memory held to reach that.")
	out.sample("actor_memory_held_bytes", "", float64(now.Memory.Held))
	out.family("actor_probe_passing", "gauge", "Whether a probe passes.")
	for _, probe := range probeNames {
		passes, _ := a.probes.look(probe)
		out.sample("actor_probe_passing", labels("probe", probe), map[bool]float64{true: 1}[passes])
	}
	out.family("process_cpu_seconds_total", "counter", "CPU seconds of the process.")
	out.sample("process_cpu_seconds_total", "", now.CPU.Consumed)
	out.family("process_resident_memory_bytes", "gauge", "Resident memory of the process.")
	out.sample("process_resident_memory_bytes", "", float64(resident))
	out.family("process_start_time_seconds", "gauge", "When the process started, since 1970.")
	out.sample("process_start_time_seconds", "", float64(now.Started)/1e9)
}

// exposition writes families and samples; a reader that has left is found out by the server.
type exposition struct{ io.Writer }

func (e exposition) family(name, kind, meaning string) {
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, meaning, name, kind)
}

func (e exposition) sample(name, labels string, value float64) {
	fmt.Fprintf(e, "%s%s %s\n", name, labels, strconv.FormatFloat(value, 'g', -1, 64))
}

// labels writes pairs of names and values; strconv.Quote escapes what the format escapes.
func labels(pairs ...string) string {
	var written []string
	for pair := range slices.Chunk(pairs, 2) {
		written = append(written, pair[0]+"="+strconv.Quote(pair[1]))
	}
	return "{" + strings.Join(written, ",") + "}"
}

// expose writes what was served: by path class and not by path, so that the series are bounded.
func (l *servedLog) expose(out exposition) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	sums := map[string]tally{}
	for key, seen := range l.counts {
		name := labels("protocol", key.protocol, "path_class", pathClass(key.path), "agent", key.agent)
		sum := sums[name]
		sums[name] = tally{sum.count + seen.count, sum.failed + seen.failed}
	}
	names := slices.Sorted(maps.Keys(sums))
	out.family("actor_requests_total", "counter", "Requests received.")
	for _, name := range names {
		out.sample("actor_requests_total", name, float64(sums[name].count))
	}
	out.family("actor_requests_failed_total", "counter", "Requests answered with a failure.")
	for _, name := range names {
		out.sample("actor_requests_failed_total", name, float64(sums[name].failed))
	}
	out.family("actor_requests_running", "gauge", "Requests received and not answered yet.")
	out.sample("actor_requests_running", "", float64(l.running))
	out.family("actor_connections_total", "counter", "Connections accepted.")
	for _, protocol := range slices.Sorted(maps.Keys(l.connections)) {
		out.sample("actor_connections_total", labels("protocol", protocol),
			float64(l.connections[protocol]))
	}
	out.family("actor_request_seconds", "histogram", "How long answers took.")
	byName := func(one, other latencyKey) int {
		return strings.Compare(one.protocol+one.class, other.protocol+other.class)
	}
	for _, key := range slices.SortedFunc(maps.Keys(l.latencies), byName) {
		l.latencies[key].expose(out, key)
	}
}

func (l *latency) expose(out exposition, key latencyKey) {
	const name = "actor_request_seconds"
	pairs := []string{"protocol", key.protocol, "path_class", key.class}
	below := int64(0)
	for i, bound := range latencyBounds {
		below += l.below[i]
		le := strconv.FormatFloat(bound, 'g', -1, 64)
		out.sample(name+"_bucket", labels(append(pairs, "le", le)...), float64(below))
	}
	out.sample(name+"_bucket", labels(append(pairs, "le", "+Inf")...), float64(l.count))
	out.sample(name+"_sum", labels(pairs...), l.sum)
	out.sample(name+"_count", labels(pairs...), float64(l.count))
}
