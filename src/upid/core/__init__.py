"""Words and computation of UPID: numbers, units, panels, formulas and the ports to the outside.

Everything here is pure: no await, clock, randomness, environment, logging or I/O. The same input
gives the same output, for ever.
"""
