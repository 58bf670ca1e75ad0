"""Plumbing without a product noun."""
