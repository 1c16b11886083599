"""Continual learners: TD3+BC with and without protection of old tasks, members trained
side by side."""
