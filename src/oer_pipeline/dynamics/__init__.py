"""Transition models: per task a probabilistic ensemble of P(s' - s, r | s, a) (method,
section 5)."""
