package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// off is the address of a port that is not opened.
const off = "off"

// serveSettings are the flags of `actor serve`.
type serveSettings struct {
	http, grpc, tcp string
	listenDelay     time.Duration
	startDelay      time.Duration
	drainDelay      time.Duration
	drainLimit      time.Duration
	exitAfter       time.Duration
	exitCode        int
	crashAfter      time.Duration
	crashCode       int
	cpu, memory     schedule
	catchUp         time.Duration
	measure         string
	remember        int
	servedLog       string
}

func (s *serveSettings) flags() *flag.FlagSet {
	set := flag.NewFlagSet("actor serve", flag.ContinueOnError)
	set.StringVar(&s.http, "http", ":8080", "address of HTTP/1.1, HTTP/2 and WebSocket, or off")
	set.StringVar(&s.grpc, "grpc", ":9090", "address of gRPC, or off")
	set.StringVar(&s.tcp, "tcp", ":7000", "address of the line echo, or off")
	set.DurationVar(&s.listenDelay, "listen-delay", 0, "time before any port is open")
	set.DurationVar(&s.startDelay, "start-delay", 0, "time from open ports to ready")
	set.DurationVar(&s.drainDelay, "drain-delay", 0, "time to go on serving, unready, when stopped")
	set.DurationVar(&s.drainLimit, "drain-limit", 25*time.Second, "time for the last answers")
	set.DurationVar(&s.exitAfter, "exit-after", 0, "stop by itself after this; 0: never")
	set.IntVar(&s.exitCode, "exit-code", 0, "exit code after a whole drain")
	set.DurationVar(&s.crashAfter, "crash-after", 0, "end at once after this; 0: never")
	set.IntVar(&s.crashCode, "crash-code", 70, "exit code of --crash-after")
	set.TextVar(&s.cpu, "cpu", schedule{text: none}, "schedule of cores, such as steady:0.12")
	set.TextVar(&s.memory, "memory", schedule{text: none}, "schedule of bytes, such as steady:64Mi")
	set.DurationVar(&s.catchUp, "catch-up", 5*time.Second, "CPU time owed that is still made good")
	set.StringVar(&s.measure, "measure", "auto", "memory is read by: auto, rss or a cgroup's folder")
	set.IntVar(&s.remember, "remember", 65536, "requests that /actor/served remembers")
	set.StringVar(&s.servedLog, "served-log", "", "file that gets each line of /actor/served")
	return set
}

// readSettings reads flags; what is not given as a flag may be given as ACTOR_FLAG_NAME.
func readSettings(arguments []string) (serveSettings, error) {
	var read serveSettings
	set := read.flags()
	if err := set.Parse(arguments); err != nil {
		return read, err
	}
	if set.NArg() > 0 {
		return read, fmt.Errorf("%q is not a flag", set.Arg(0))
	}
	given := map[string]bool{}
	set.Visit(func(one *flag.Flag) { given[one.Name] = true })
	var refused error
	set.VisitAll(func(one *flag.Flag) {
		name := "ACTOR_" + strings.ToUpper(strings.ReplaceAll(one.Name, "-", "_"))
		if text, found := os.LookupEnv(name); found && !given[one.Name] && refused == nil {
			if err := set.Set(one.Name, text); err != nil {
				refused = fmt.Errorf("%s: %w", name, err)
			}
		}
	})
	if refused == nil && read.remember < 1 {
		refused = fmt.Errorf("--remember: give a number above 0, not %d", read.remember)
	}
	return read, refused
}

// UnmarshalText lets a schedule be a flag.
func (s *schedule) UnmarshalText(text []byte) (err error) {
	*s, err = parseSchedule(string(text))
	return err
}

// MarshalText is how a flag shows its default.
func (s schedule) MarshalText() ([]byte, error) { return []byte(s.text), nil }
