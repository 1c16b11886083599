"""Pictures as a film in a file: a video, or an animated picture that a page shows as
any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.common.atomic import atomic_path

if TYPE_CHECKING:
    from PIL.Image import Image

WEBP_QUALITY = 40
ALONE = 1.0  # seconds that a lone picture is shown
TOLERANCE = 1000  # of a frame rate's denominator


@dataclass(frozen=True)
class Video:
    """How a video is encoded.

    Attributes:
        container: ffmpeg's name of the format.
        codec: and of the encoder.
        options: of the encoder. One thread and no free choice of time: equal pictures
            make equal bytes.
        container_options: of the format.
    """

    container: str
    codec: str
    options: Mapping[str, str]
    container_options: Mapping[str, str]


MP4 = Video(
    "mp4",
    "libx264",
    {"crf": "23", "preset": "medium", "threads": "1"},
    {"movflags": "+faststart", "fflags": "+bitexact"},
)
WEBM = Video(
    "webm",
    "libvpx-vp9",
    {"crf": "32", "b": "0", "deadline": "good", "cpu-used": "4", "threads": "1"},
    {"fflags": "+bitexact"},
)


VIDEOS = {".mp4": MP4, ".webm": WEBM}
ANIMATED = {".gif": "GIF", ".webp": "WEBP"}
ENDINGS = (*VIDEOS, *ANIMATED)


def write_images(
    images: Sequence[Image], seconds: Sequence[float], path: Path, title: str
) -> None:
    """Pictures as a film, in the format of the file's ending (`ENDINGS`).

    Args:
        images: all of one size, its sides even.
        seconds: the time of each, evenly apart.
        path: the file.
        title: kept in the file, but not in a WebP.
    """
    interval = seconds[1] - seconds[0] if len(seconds) > 1 else ALONE
    with atomic_path(path) as temporary:
        if path.suffix in VIDEOS:
            _write_video(VIDEOS[path.suffix], images, interval, temporary, title)
        else:
            _write_animated(ANIMATED[path.suffix], images, interval, temporary, title)


def _write_video(
    video: Video, images: Sequence[Image], interval: float, path: Path, title: str
) -> None:
    import av

    rate = 1 / Fraction(interval).limit_denominator(TOLERANCE)
    options = dict(video.container_options)
    with av.open(str(path), "w", format=video.container, options=options) as container:
        container.metadata["title"] = title
        stream = container.add_stream(video.codec, rate, dict(video.options))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = images[0].size
        stream.pix_fmt = "yuv420p"  # the one that every browser plays
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.asarray(image), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_animated(
    format: str, images: Sequence[Image], interval: float, path: Path, title: str
) -> None:
    """Over and over."""
    first, *rest = images
    first.save(
        path,
        format,
        save_all=True,
        append_images=rest,
        duration=round(1000 * interval),
        loop=0,
        quality=WEBP_QUALITY,
        comment=title,
    )
