"""Constants of standardising, (x - mean) / (std + EPSILON).

Policies, distances and figures take them from here, so that all scale alike.
"""

from __future__ import annotations

EPSILON = 1e-3
"""Added to every standard deviation (method, section 2)."""
CONSTANT = 1e-6
"""A dimension whose standard deviation is below this counts as constant (method,
section 5)."""
