"""UPID turns Kubernetes metrics into money decisions, and explains every one of them."""
