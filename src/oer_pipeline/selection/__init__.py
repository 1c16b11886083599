"""Experience selection: which transitions of a task's data go into its replay buffer
(method, sections 5 and 6)."""
