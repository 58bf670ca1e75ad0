package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
)

// told is what /actor/told answers: what the program was told until a moment, and what it did.
type told struct {
	Now     int64      `json:"now_ns"`
	Started int64      `json:"started_ns"`
	At      int64      `json:"at_ns"`
	CPU     toldCPU    `json:"cpu"`
	Memory  toldMemory `json:"memory"`
}

type toldCPU struct {
	Schedule  string  `json:"schedule"`
	Since     int64   `json:"since_ns"`
	Cores     float64 `json:"cores"`
	Told      float64 `json:"told_seconds"`
	Consumed  float64 `json:"consumed_seconds"`
	Forgiven  float64 `json:"forgiven_seconds"`
	Excess    float64 `json:"excess_seconds"`
	CatchUpTo float64 `json:"catch_up_seconds"`
}

type toldMemory struct {
	Schedule string  `json:"schedule"`
	Since    int64   `json:"since_ns"`
	Target   float64 `json:"target_bytes"`
	Used     int64   `json:"used_bytes"`
	Held     int64   `json:"held_bytes"`
	Measure  string  `json:"measured_by"`
}

// count is one line of /actor/counts.
type count struct {
	Protocol string `json:"protocol"`
	Path     string `json:"path"`
	Agent    string `json:"agent"`
	Count    int64  `json:"count"`
	Failed   int64  `json:"failed"`
}

// newControl returns the paths by which a test steers the program.
func (a *actor) newControl() http.Handler {
	paths := http.NewServeMux()
	paths.HandleFunc("GET /actor/served", a.tellServed)
	paths.HandleFunc("GET /actor/counts", a.tellCounts)
	paths.HandleFunc("GET /actor/told", a.tellTold)
	paths.HandleFunc("POST /actor/schedule", a.takeSchedule)
	paths.HandleFunc("POST /actor/fail", a.takeFail)
	paths.HandleFunc("POST /actor/exit", a.takeEnding(a.end))
	paths.HandleFunc("POST /actor/crash", a.takeEnding(os.Exit))
	return paths
}

func writeJSON(reply http.ResponseWriter, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		http.Error(reply, err.Error(), http.StatusInternalServerError)
		return
	}
	reply.Header().Set("Content-Type", "application/json")
	reply.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = reply.Write(text) // a caller that has left is the caller's loss
}

func refuse(reply http.ResponseWriter, format string, values ...any) {
	http.Error(reply, fmt.Sprintf(format, values...), http.StatusBadRequest)
}

// tellServed answers the lines after ?after=N, and in headers how to go on and what is missing.
func (a *actor) tellServed(reply http.ResponseWriter, request *http.Request) {
	after := int64(0)
	if text := request.URL.Query().Get("after"); text != "" {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < 0 {
			refuse(reply, "after: give the number of a line, not %q", text)
			return
		}
		after = number
	}
	lines, last, lost := a.served.after(after)
	reply.Header().Set("Content-Type", "application/jsonl")
	reply.Header().Set("X-Served-Since", strconv.FormatInt(a.watch.wall(0), 10))
	reply.Header().Set("X-Served-Last", strconv.FormatInt(last, 10))
	reply.Header().Set("X-Served-Lost", strconv.FormatInt(max(0, lost), 10))
	out := json.NewEncoder(reply)
	for _, line := range lines {
		if out.Encode(line) != nil {
			return
		}
	}
}

func (a *actor) tellCounts(reply http.ResponseWriter, _ *http.Request) {
	a.served.mutex.Lock()
	counts := make([]count, 0, len(a.served.counts))
	for key, seen := range a.served.counts {
		counts = append(counts, count{key.protocol, key.path, key.agent, seen.count, seen.failed})
	}
	connections := map[string]int64{}
	for protocol, number := range a.served.connections {
		connections[protocol] = number
	}
	a.served.mutex.Unlock()
	slices.SortFunc(counts, func(one, other count) int { return int(other.Count - one.Count) })
	writeJSON(reply, map[string]any{"counts": counts, "connections": connections})
}

// told returns what was told until second t; what was done is always until now.
func (a *actor) told(t float64) (told, error) {
	cpu, err := a.burner.told.at(t)
	if err != nil {
		return told{}, err
	}
	memory, err := a.holder.told.at(t)
	if err != nil {
		return told{}, err
	}
	used, err := a.holder.measure()
	if err != nil {
		return told{}, err
	}
	forgiven, excess := a.burner.dropped()
	return told{
		Now: a.watch.wall(a.watch.seconds()), Started: a.watch.wall(0), At: a.watch.wall(t),
		CPU: toldCPU{
			cpu.era.schedule.text, a.watch.wall(cpu.era.from), cpu.value, cpu.integral,
			cpuSeconds(), forgiven, excess, a.burner.catchUp,
		},
		Memory: toldMemory{
			memory.era.schedule.text, a.watch.wall(memory.era.from), memory.value, used,
			a.holder.holding(), a.holder.source,
		},
	}, nil
}

// tellTold answers for now, or for the past moment ?at=NANOSECONDS.
func (a *actor) tellTold(reply http.ResponseWriter, request *http.Request) {
	now := a.watch.seconds()
	t := now
	if text := request.URL.Query().Get("at"); text != "" {
		wall, err := strconv.ParseInt(text, 10, 64)
		t = a.watch.second(wall)
		if err != nil || t > now {
			refuse(reply, "at: give a past moment in nanoseconds since 1970, not %q", text)
			return
		}
	}
	answer, err := a.told(t)
	if err != nil {
		refuse(reply, "%v", err)
		return
	}
	writeJSON(reply, answer)
}

// takeSchedule sets the schedules in a body such as {"cpu": "steady:0.1"}; the other one stays.
func (a *actor) takeSchedule(reply http.ResponseWriter, request *http.Request) {
	var asked struct{ CPU, Memory *string }
	body := json.NewDecoder(http.MaxBytesReader(reply, request.Body, largestMessage))
	body.DisallowUnknownFields()
	if err := body.Decode(&asked); err != nil {
		refuse(reply, "%v", err)
		return
	}
	next := [2]*schedule{}
	for i, text := range []*string{asked.CPU, asked.Memory} {
		if text == nil {
			continue
		}
		read, err := parseSchedule(*text)
		if err != nil {
			refuse(reply, "%v", err)
			return
		}
		next[i] = &read
	}
	if next[0] != nil {
		a.burner.set(*next[0])
	}
	if next[1] != nil {
		a.holder.told.set(a.watch.seconds(), *next[1])
	}
	a.tellTold(reply, &http.Request{URL: request.URL})
}

// takeFail makes a probe fail from now on: ?probe=readiness&on=true, and &count=3 for three times.
func (a *actor) takeFail(reply http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	probe := query.Get("probe")
	on, err := strconv.ParseBool(query.Get("on"))
	if err != nil || !slices.Contains(probeNames, probe) {
		refuse(reply, "give probe=startup, readiness or liveness, and on=true or false")
		return
	}
	count := forever
	if text := query.Get("count"); text != "" {
		if count, err = strconv.Atoi(text); err != nil || count < 1 {
			refuse(reply, "count: give a number above 0, not %q", text)
			return
		}
	}
	if !on {
		count = 0
	}
	a.probes.fail(probe, count)
	writeJSON(reply, map[string]any{"probe": probe, "failures": count})
}

// takeEnding ends the program with ?code=N, after it has drained or at once.
func (a *actor) takeEnding(end func(code int)) http.HandlerFunc {
	return func(reply http.ResponseWriter, request *http.Request) {
		code, err := strconv.Atoi(request.URL.Query().Get("code"))
		if err != nil || code < 0 || code > 255 {
			refuse(reply, "code: give an exit code from 0 to 255")
			return
		}
		writeJSON(reply, map[string]any{"code": code})
		_ = http.NewResponseController(reply).Flush() // the answer leaves before the program does
		end(code)
	}
}
