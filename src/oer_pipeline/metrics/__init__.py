"""Continual metrics as pure functions of the returns, intervals over seeds, buffer
fidelity (method, section 8)."""
