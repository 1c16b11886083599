"""Roll committed behaviour policies out into raw trajectories and measure each task's
references."""
