"""Pure reading of Kubernetes objects."""
