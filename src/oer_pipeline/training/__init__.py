"""Lightning around the learners: one training step is a block of updates."""
