"""The same as `td3bc_vs_plain_eager` for 16 members side by side on a GPU: 50 times as
many member-updates a second."""

from __future__ import annotations

from benchmarks.figure import Figure, best_device, on
from benchmarks.td3bc_vs_plain_eager import per_member


def measure() -> Figure | None:
    device = best_device()
    if device == "cpu":
        print("td3bc_16_members_vs_plain_eager: of a GPU alone; torch sees none")
        return None
    return Figure(
        on(device, "td3bc_16_members_vs_plain_eager"),
        per_member(16, device),
        0.02,
        "lower",
        device,
    )
