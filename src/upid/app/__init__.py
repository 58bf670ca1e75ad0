"""The composition root: settings, wiring, modules and targets; the only place that knows everything."""
