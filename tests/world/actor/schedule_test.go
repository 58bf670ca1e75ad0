package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// examples hold every kind, alone and added up, with its amount at a few seconds.
var examples = []struct {
	text string
	at   map[float64]float64
}{
	{"steady:0.12", map[float64]float64{0: 0.12, 1000: 0.12}},
	{"steady:0.12 cores", map[float64]float64{5: 0.12}},
	{"steady:120m", map[float64]float64{5: 0.12}},
	{"steady:64Mi", map[float64]float64{5: 64 << 20}},
	{"diurnal:0.3,swing=0.2,period=60s",
		map[float64]float64{0: 0.3, 15: 0.5, 30: 0.3, 45: 0.1, 60: 0.3}},
	{"diurnal:0.3,period=40s,phase=10s", map[float64]float64{0: 0.6, 20: 0}},
	{"burst:0.9,base=0.1,every=10s,for=2s",
		map[float64]float64{0: 0.9, 1.9: 0.9, 2: 0.1, 9.9: 0.1, 10: 0.9}},
	{"leak:1Mi/s,max=64Mi", map[float64]float64{0: 0, 10: 10 << 20, 64: 64 << 20, 99: 64 << 20}},
	{"spike:0.8,for=5s", map[float64]float64{0: 0.8, 4.9: 0.8, 5: 0}},
	{"steady:0.1+spike:0.8,for=5s + burst:0.5,every=10s,for=1s",
		map[float64]float64{0: 1.4, 2: 0.9, 6: 0.1, 10: 0.6}},
	{"none", map[float64]float64{0: 0, 9: 0}},
	{"", map[float64]float64{9: 0}},
}

func TestAScheduleHasTheAmountItSays(t *testing.T) {
	for _, example := range examples {
		read, err := parseSchedule(example.text)
		if err != nil {
			t.Fatal(err)
		}
		for second, want := range example.at {
			if got := read.value(second); math.Abs(got-want) > 1e-9*max(1, want) {
				t.Errorf("%s at %g s: %g, not %g", example.text, second, got, want)
			}
		}
	}
}

// The integral is written down in closed form; here it is added up the slow way.
func TestTheIntegralOfAScheduleIsTheSumOfItsAmounts(t *testing.T) {
	const step = 1e-3
	random := rand.New(rand.NewPCG(1, 2))
	for _, example := range examples {
		read, err := parseSchedule(example.text)
		if err != nil {
			t.Fatal(err)
		}
		from, to := random.Float64()*50, 50+random.Float64()*100
		sum, most := 0.0, 0.0
		for at := from + step/2; at < to; at += step {
			sum += read.value(at) * step
			most = max(most, read.value(at))
		}
		got := read.integral(to) - read.integral(from)
		// Each of at most 60 jumps may lie anywhere within its step.
		if math.Abs(got-sum) > 60*step*most {
			t.Errorf("%s from %g to %g s: %g, added up %g", example.text, from, to, got, sum)
		}
	}
}

func TestAScheduleThatMakesNoSenseIsRefusedWithTheReason(t *testing.T) {
	for text, reason := range map[string]string{
		"wave:1":                      `no kind "wave"`,
		"steady":                      `"" is not an amount`,
		"steady:-1":                   `"-1" is not an amount`,
		"steady:NaN":                  `"NaN" is not an amount`,
		"steady:1,period=3s":          `"period" does not belong to "steady"`,
		"diurnal:1":                   "period: give a duration",
		"diurnal:1,period=0s":         "period: give a duration",
		"diurnal:1,swing=2,period=9s": "the valley would be negative",
		"burst:1,every=2s,for=3s":     "does not fit",
		"burst:1,every=2s":            "for: give a duration",
		"leak:1Mi/s":                  "give a rate above 0 and a bound",
		"spike:1,for=soon":            `not "soon"`,
		"steady:1++steady:1":          `no kind ""`,
	} {
		_, err := parseSchedule(text)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, not %q", text, err, reason)
		}
	}
}

func TestATimelineRemembersWhatWasToldBeforeAChange(t *testing.T) {
	first, _ := parseSchedule("steady:2")
	second, _ := parseSchedule("leak:1/s,max=10")
	line := newTimeline(first)
	line.set(10, second)
	for _, at := range []struct{ second, value, integral float64 }{
		{0, 2, 0}, {9, 2, 18}, {10, 0, 20}, {14, 4, 28}, {30, 10, 20 + 50 + 100},
	} {
		got, err := line.at(at.second)
		if err != nil || got.value != at.value || math.Abs(got.integral-at.integral) > 1e-9 {
			t.Errorf("at %g s: %g and %g, %v", at.second, got.value, got.integral, err)
		}
	}
	if _, err := line.at(-1); err == nil {
		t.Error("a moment before the start has an answer")
	}
}

func TestATimelineForgetsTheOldestScheduleAndKeepsTheIntegral(t *testing.T) {
	one, _ := parseSchedule("steady:1")
	line := newTimeline(one)
	for second := range 2 * mostEras {
		line.set(float64(second), one)
	}
	if got := line.last(3 * mostEras); math.Abs(got.integral-3*mostEras) > 1e-6 {
		t.Errorf("the integral is %g", got.integral)
	}
	if _, err := line.at(1); err != errForgotten {
		t.Errorf("an old moment answers %v", err)
	}
}
