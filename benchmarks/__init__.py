"""Benchmarks: this package and what one would take instead, side by side on the same work."""
