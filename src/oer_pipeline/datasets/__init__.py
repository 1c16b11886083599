"""Kedro datasets of the project: every file is written beside its target and renamed,
and nothing is unpickled.

torch and pandas are imported by the datasets that need them, when they load or save.
"""

from oer_pipeline.datasets.behaviours import BehaviourDataset
from oer_pipeline.datasets.buffer import BufferDataset
from oer_pipeline.datasets.checkpoint import CheckpointDataset
from oer_pipeline.datasets.documents import JSONDataset, PNGDataset, TextDataset
from oer_pipeline.datasets.optional import OptionalJSONDataset
from oer_pipeline.datasets.per_seed import PerSeedDataset, SeedsDataset
from oer_pipeline.datasets.safetensors import SafetensorsDataset
from oer_pipeline.datasets.source import SourceDataset
from oer_pipeline.datasets.table import TableDataset
from oer_pipeline.datasets.transitions import TransitionsDataset

__all__ = [
    "BehaviourDataset",
    "BufferDataset",
    "CheckpointDataset",
    "JSONDataset",
    "OptionalJSONDataset",
    "PNGDataset",
    "PerSeedDataset",
    "SafetensorsDataset",
    "SeedsDataset",
    "SourceDataset",
    "TableDataset",
    "TextDataset",
    "TransitionsDataset",
]
