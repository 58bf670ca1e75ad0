package main

import "math"

// steady is the same amount for ever.
func steady(amount float64) curve {
	return curve{
		value:    func(float64) float64 { return amount },
		integral: func(t float64) float64 { return amount * t },
	}
}

// newDiurnal is a day sped up: `amount` in the mean, `swing` (default: as much as the mean) above
// and below it, once in every `period`; it starts at the mean, rising, moved on by `phase`.
func newDiurnal(amount float64, set *curveSettings) curve {
	swing := set.amount("swing", amount)
	period, phase := set.seconds("period"), set.seconds("phase", 0)
	if swing > amount {
		set.refuse("swing: %g is more than the mean of %g, so the valley would be negative",
			swing, amount)
	}
	turn := 2 * math.Pi / period
	return curve{
		value: func(t float64) float64 { return amount + swing*math.Sin(turn*(t+phase)) },
		integral: func(t float64) float64 {
			return amount*t + swing/turn*(math.Cos(turn*phase)-math.Cos(turn*(t+phase)))
		},
	}
}

// newBurst is `amount` for the first `for` of every `every`, and `base` (default 0) between.
func newBurst(amount float64, set *curveSettings) curve {
	floor := set.amount("base", 0)
	every, length := set.seconds("every"), set.seconds("for")
	if length > every {
		set.refuse("for: a burst of %gs does not fit into every=%gs", length, every)
	}
	return curve{
		value: func(t float64) float64 {
			if math.Mod(t, every) < length {
				return amount
			}
			return floor
		},
		integral: func(t float64) float64 {
			inBursts := math.Floor(t/every)*length + math.Min(math.Mod(t, every), length)
			return floor*t + (amount-floor)*inBursts
		},
	}
}

// newLeak grows by `amount` every second, from nothing up to `max`.
func newLeak(amount float64, set *curveSettings) curve {
	most := set.amount("max", 0)
	if most <= 0 || amount <= 0 {
		set.refuse("leak: give a rate above 0 and a bound, such as leak:1Mi/s,max=64Mi")
	}
	full := most / amount
	return curve{
		value: func(t float64) float64 { return amount * math.Min(t, full) },
		integral: func(t float64) float64 {
			rising := math.Min(t, full)
			return amount*rising*rising/2 + most*(t-rising)
		},
	}
}

// newSpike is `amount` for the first `for` and nothing afterwards: what starting takes.
func newSpike(amount float64, set *curveSettings) curve {
	length := set.seconds("for")
	return curve{
		value: func(t float64) float64 {
			if t < length {
				return amount
			}
			return 0
		},
		integral: func(t float64) float64 { return amount * math.Min(t, length) },
	}
}
