"""What UPID needs from outside, one protocol a file, with the types that cross it."""
