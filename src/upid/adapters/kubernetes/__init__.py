"""Kubernetes: who is asking, a client of the API, and what a cluster holds, read only."""
