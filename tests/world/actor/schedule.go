package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// none is the schedule that asks for nothing: what is used is then only what serving takes.
const none = "none"

// curve is an amount over time, in cores or in bytes, t seconds after it was set.
type curve struct {
	value    func(t float64) float64
	integral func(t float64) float64 // from 0 to t, in core-seconds or byte-seconds
}

// schedule is a sum of curves, and the text it was read from.
type schedule struct {
	text   string
	curves []curve
}

func (s schedule) value(t float64) (sum float64) {
	for _, one := range s.curves {
		sum += one.value(t)
	}
	return sum
}

func (s schedule) integral(t float64) (sum float64) {
	for _, one := range s.curves {
		sum += one.integral(t)
	}
	return sum
}

func (s schedule) isNone() bool { return len(s.curves) == 0 }

// parseSchedule reads curves joined by "+", such as "steady:0.1+burst:0.5,every=10s,for=2s".
func parseSchedule(text string) (schedule, error) {
	read := schedule{text: strings.TrimSpace(text)}
	if read.text == "" || read.text == none {
		return schedule{text: none}, nil
	}
	for _, part := range strings.Split(read.text, "+") {
		one, err := parseCurve(strings.TrimSpace(part))
		if err != nil {
			return schedule{}, fmt.Errorf("schedule %q: %w", text, err)
		}
		read.curves = append(read.curves, one)
	}
	return read, nil
}

// curveKinds makes a curve of its amount and its settings.
var curveKinds = map[string]func(amount float64, set *curveSettings) curve{
	"steady":  func(amount float64, _ *curveSettings) curve { return steady(amount) },
	"diurnal": newDiurnal,
	"burst":   newBurst,
	"leak":    newLeak,
	"spike":   newSpike,
}

func parseCurve(text string) (curve, error) {
	kind, rest, _ := strings.Cut(text, ":")
	build, known := curveKinds[kind]
	if !known {
		return curve{}, fmt.Errorf("no kind %q; use steady, diurnal, burst, leak or spike", kind)
	}
	words := strings.Split(rest, ",")
	amount, err := parseAmount(strings.TrimSuffix(words[0], "/s"))
	if err != nil {
		return curve{}, err
	}
	set := &curveSettings{left: map[string]string{}}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		set.left[name] = value
	}
	made := build(amount, set)
	for name := range set.left {
		set.refuse("%q does not belong to %q", name, kind)
	}
	return made, set.err
}

// curveSettings are the name=value pairs of a curve; reading one takes it out.
type curveSettings struct {
	left map[string]string
	err  error
}

func (s *curveSettings) refuse(format string, values ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, values...)
	}
}

func (s *curveSettings) take(name string) (string, bool) {
	text, given := s.left[name]
	delete(s.left, name)
	return text, given
}

func (s *curveSettings) amount(name string, otherwise float64) float64 {
	text, given := s.take(name)
	if !given {
		return otherwise
	}
	value, err := parseAmount(text)
	if err != nil {
		s.refuse("%s: %w", name, err)
	}
	return value
}

// seconds reads a duration that must be above zero, unless a default is given.
func (s *curveSettings) seconds(name string, otherwise ...float64) float64 {
	text, given := s.take(name)
	if !given && len(otherwise) > 0 {
		return otherwise[0]
	}
	value, err := time.ParseDuration(text)
	if err != nil || value < 0 || (value == 0 && len(otherwise) == 0) {
		s.refuse("%s: give a duration such as 10s, not %q", name, text)
	}
	return value.Seconds()
}

// amountUnits are Kubernetes' own suffixes, longest first.
var amountUnits = []struct {
	suffix string
	times  float64
}{
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30},
	{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"m", 1e-3},
}

// parseAmount reads cores ("0.12", "120m", "0.12 cores") or bytes ("64Mi").
func parseAmount(text string) (float64, error) {
	number, times := strings.TrimSpace(strings.TrimSuffix(text, "cores")), 1.0
	for _, unit := range amountUnits {
		if short, cut := strings.CutSuffix(number, unit.suffix); cut {
			number, times = short, unit.times
			break
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value < 0 || math.IsInf(value, 0) || math.IsNaN(value) {
		return 0, fmt.Errorf("%q is not an amount such as 0.12, 120m or 64Mi", text)
	}
	return value * times, nil
}
