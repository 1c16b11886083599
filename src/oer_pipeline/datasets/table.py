"""Result tables as a Kedro dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oer_pipeline.common.errors import DataError
from oer_pipeline.datasets.file import FileDataset

if TYPE_CHECKING:
    import pandas as pd

ROW_GROUP = 131_072


class TableDataset(FileDataset):
    """A pandas data frame as Parquet: its columns and nothing else; the index must be a
    plain row number."""

    def read(self, path: Path) -> pd.DataFrame:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            frame: pd.DataFrame = pq.ParquetFile(path).read().to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.where}: not a readable Parquet file (truncated or corrupt?):"
                f" {error}"
            ) from error
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
