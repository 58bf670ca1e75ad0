"""What UPID does: one folder per area, all with the same anatomy."""
