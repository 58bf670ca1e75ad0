"""From objects, samples and prices to bills that are divided: pure, no I/O of its own."""
