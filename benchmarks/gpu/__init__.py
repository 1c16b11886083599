"""What is tried and measured on a machine with a GPU, in one command of at most eight
minutes."""
