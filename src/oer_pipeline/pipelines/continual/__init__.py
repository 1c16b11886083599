"""Learn the tasks one after the other: train, select, evaluate."""
