"""Continual offline reinforcement learning with offline experience replay (OER), as a Kedro pipeline."""

__version__ = "0.1.0"
