"""Why work is not replayed."""

from __future__ import annotations

from oer_pipeline.common.errors import OERError


class NotReplayableError(OERError):
    """The work does what a capture cannot hold, or torch lacks what capturing takes."""
