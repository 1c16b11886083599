"""The copy of plotly.js that all pages share."""

from __future__ import annotations

from kedro.pipeline import Node


def plotly() -> str:
    """plotly.js, whole."""
    from oer_pipeline.reports.page import plotly_bundle

    return plotly_bundle()


def bundle_node() -> Node:
    """For every pipeline that makes pages with figures."""
    return Node(plotly, None, "plotly", name="plotly")
