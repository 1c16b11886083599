"""Text on coloured places can be read."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from oer_pipeline.reports.palette import BRIGHT, SCALE


def luminance(share: float) -> float:
    """Relative luminance of a colour of the scale (WCAG 2)."""
    channels = np.array(mpl.colormaps[SCALE](share)[:3])
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_numbers_on_a_heat_map_stand_out() -> None:
    """By 4.5 to 1 and more, as WCAG asks of text."""
    for share in np.linspace(0.0, 1.0, 101):
        light, dark = luminance(share) + 0.05, 0.05
        if share <= BRIGHT:
            light, dark = 1.05, light
        assert light / dark > 4.5, share
