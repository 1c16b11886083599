"""Fit one probabilistic transition ensemble a task."""
