package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// callOptions is what `actor call` was told.
type callOptions struct {
	plan        plan
	seed        uint64
	log         string
	timeout     time.Duration
	maxInFlight int
	keepAlive   bool
	connections int
	bodyBytes   int
}

// Defaults. Ten seconds is longer than any answer in a healthy run; 4,096 under way are more than
// 400 a second for that long.
const (
	defaultRate        = 100.0
	defaultTimeout     = 10 * time.Second
	defaultInFlight    = 4096
	defaultBodyBytes   = 256
	defaultConnections = 1
)

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string { return strings.Join(*t, " ") }

func (t *texts) Set(text string) error {
	*t = append(*t, text)
	return nil
}

// looks are the flags that say how requests look.
type looks struct{ targets, methods, paths, agents, shapes texts }

// parseCall reads the command line.
func parseCall(arguments []string) (callOptions, error) {
	var o callOptions
	var seen looks
	flags := flag.NewFlagSet("call", flag.ContinueOnError)
	flags.StringVar(&o.log, "log", "", "file to write, one line for each request's start and end")
	flags.StringVar(&o.plan.Run, "run", "", "word that starts each id; drawn if not given")
	flags.StringVar(&o.plan.Schedule, "schedule", scheduleFixed, "fixed or poisson")
	flags.Float64Var(&o.plan.Rate, "rate", defaultRate, "requests a second")
	flags.IntVar(&o.plan.Count, "count", 0, "requests in all")
	flags.DurationVar(&o.plan.Duration, "duration", 0, "time to send for")
	flags.Uint64Var(&o.seed, "seed", 1, "the same seed sends the same requests")
	flags.DurationVar(&o.timeout, "timeout", defaultTimeout, "time of one request")
	flags.IntVar(&o.maxInFlight, "max-in-flight", defaultInFlight, "requests under way at most")
	flags.BoolVar(&o.keepAlive, "keep-alive", true, "keep connections between requests")
	flags.IntVar(&o.connections, "connections", defaultConnections, "WebSockets to each target")
	flags.IntVar(&o.bodyBytes, "body-bytes", defaultBodyBytes, "size of a POST's body")
	flags.Var(&seen.targets, "target", "[WEIGHT*]PROTOCOL=HOST:PORT; several make a mix")
	flags.Var(&seen.methods, "method", "[WEIGHT*]METHOD of HTTP requests")
	flags.Var(&seen.paths, "path", "[WEIGHT*]PATH of HTTP requests")
	flags.Var(&seen.agents, "agent", "[WEIGHT*]USER AGENT")
	flags.Var(&seen.shapes, "shape", "[WEIGHT*]METHOD PATH AGENT, instead of these three")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	if o.plan.Run == "" {
		o.plan.Run = fmt.Sprintf("r%08x", rand.Uint32())
	}
	return o, errors.Join(o.check(), seen.fill(&o.plan))
}

// check refuses options that no run can follow.
func (o *callOptions) check() error {
	p := o.plan
	switch {
	case o.log == "":
		return errors.New("--log is missing")
	case p.Count <= 0 && p.Duration <= 0:
		return errors.New("--count or --duration must say when to end")
	case !(p.Rate > 0):
		return errors.New("--rate is not above zero")
	case p.Schedule != scheduleFixed && p.Schedule != schedulePoisson:
		return fmt.Errorf("--schedule is neither %s nor %s", scheduleFixed, schedulePoisson)
	case o.timeout <= 0 || o.maxInFlight <= 0 || o.connections <= 0 || o.bodyBytes < 0:
		return errors.New("--timeout, --max-in-flight and --connections must be above zero")
	case strings.ContainsAny(p.Run, " \t\n"):
		return errors.New("--run holds a space")
	}
	return nil
}

// fill puts targets and shapes into the plan.
func (s *looks) fill(p *plan) error {
	if len(s.targets) == 0 {
		return errors.New("--target is missing")
	}
	for _, text := range s.targets {
		weight, rest, err := parseWeighted(text)
		if err != nil {
			return err
		}
		protocol, address, found := strings.Cut(rest, "=")
		if !found || callers[protocol] == nil {
			return fmt.Errorf("--target %q is not PROTOCOL=HOST:PORT of a known protocol", text)
		}
		p.Targets = append(p.Targets, weighted[target]{weight, target{protocol, address}})
	}
	return s.fillShapes(p)
}

func (s *looks) fillShapes(p *plan) error {
	for _, text := range s.shapes {
		weight, rest, err := parseWeighted(text)
		if err != nil {
			return err
		}
		parts := strings.SplitN(rest, " ", 3)
		if len(parts) < 2 {
			return fmt.Errorf("--shape %q is not METHOD PATH AGENT", text)
		}
		agent := strings.Join(parts[2:], "")
		p.Shapes = append(p.Shapes, weighted[shape]{weight, shape{parts[0], parts[1], agent}})
	}
	if len(s.shapes) > 0 {
		return nil
	}
	var err error
	p.Shapes, err = s.product()
	return err
}

// product combines each method with each path and each agent.
func (s *looks) product() ([]weighted[shape], error) {
	all := []weighted[shape]{{Weight: 1}}
	for _, part := range []struct {
		given texts
		usual string
		set   func(*shape, string)
	}{
		{s.methods, http.MethodGet, func(to *shape, text string) { to.Method = text }},
		{s.paths, "/", func(to *shape, text string) { to.Path = text }},
		{s.agents, userAgent, func(to *shape, text string) { to.Agent = text }},
	} {
		if len(part.given) == 0 {
			part.given = texts{part.usual}
		}
		var longer []weighted[shape]
		for _, one := range all {
			for _, text := range part.given {
				weight, rest, err := parseWeighted(text)
				if err != nil {
					return nil, err
				}
				extended := weighted[shape]{one.Weight * weight, one.Choice}
				part.set(&extended.Choice, rest)
				longer = append(longer, extended)
			}
		}
		all = longer
	}
	return all, nil
}
