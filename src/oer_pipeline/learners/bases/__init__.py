"""Base learners: how the newest task is learned from its data, under every continual
learner; one file each."""
