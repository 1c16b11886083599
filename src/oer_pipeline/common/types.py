"""Array types shared by the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]
Weights: TypeAlias = "tuple[dict[str, Tensor], dict[str, Any]]"
"""What a file of weights holds: tensors by name, and a header."""
