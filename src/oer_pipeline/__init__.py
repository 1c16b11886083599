"""Continual offline reinforcement learning with offline experience replay (OER), as a
Kedro pipeline.

Docstrings refer to three pages by name and section, as "(method, section 5)":

- method: docs/method.md, the equations and where in the code they are;
- protocol: docs/protocol.md, suites, data, sizes and comparisons;
- architecture: docs/architecture.md, how the code is built.
"""

__version__ = "0.1.0"
