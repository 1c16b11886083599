"""Cut raw trajectories to a quality, validate them, describe them in a data card."""
