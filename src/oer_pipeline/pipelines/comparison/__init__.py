"""Cells of one suite and quality side by side, paired by seed."""
