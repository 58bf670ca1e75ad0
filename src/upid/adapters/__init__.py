"""What UPID talks to: one folder per outside system, each behind a port of core."""
