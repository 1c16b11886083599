"""Stacked networks: members (seeds, ensemble members, twins) along a leading axis, each
with its own randomness."""
