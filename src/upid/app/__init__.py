"""The composition root: settings, wiring, modules, targets; it alone knows everything."""
