"""Result tables as a Kedro dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.datasets.file import FileDataset
from oer_pipeline.datasets.previews import TablePreview
from oer_pipeline.trajectories.file_checks import (
    check_claim,
    check_file,
    check_memory,
    reading,
)

if TYPE_CHECKING:
    import pandas as pd

ROW_GROUP = 131_072
PREVIEWED_ROWS = 20
WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 8}
"""Bytes of a value in memory, by Parquet's physical type."""


class TableDataset(FileDataset):
    """A pandas data frame as Parquet: its columns and nothing else; the index must be a
    plain row number."""

    def read(self, path: Path) -> pd.DataFrame:
        import pyarrow.parquet as pq

        check_file(path)
        with reading(self.where, "Parquet file"), pq.ParquetFile(path) as file:
            _check_size(file.metadata, self.where, path.stat().st_size)
            table = file.read().replace_schema_metadata(None)
            frame: pd.DataFrame = table.to_pandas()
        return frame

    def write(self, path: Path, value: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if any(name is not None for name in value.index.names):
            names = list(value.index.names)
            raise DataError(
                f"{self.where}: the index {names} would be lost; reset_index() makes"
                " columns of it"
            )
        table = pa.Table.from_pandas(
            value, preserve_index=False
        ).replace_schema_metadata(None)
        pq.write_table(table, path, row_group_size=ROW_GROUP, compression="lz4")

    def preview(self, rows: int = PREVIEWED_ROWS) -> TablePreview:
        """The first rows, for Kedro-Viz; what is not known is None."""
        shown = self.load().head(rows).astype(object)
        known = shown.where(shown.notna(), None)
        return TablePreview(known.to_dict(orient="split"))


def _check_size(metadata: Any, where: str, file_size: int) -> None:
    """See that what the file claims to hold can be in it, and fits into memory.

    A text can be in the file once and in the table a million times.
    """
    numbers = texts = 0
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            width = WIDTHS.get(chunk.physical_type)
            if width is None:
                texts += chunk.num_values * chunk.total_uncompressed_size
            else:
                numbers += chunk.num_values * width
    check_claim(where, metadata.num_rows, numbers, file_size)
    check_memory(where, metadata.num_rows, texts)
