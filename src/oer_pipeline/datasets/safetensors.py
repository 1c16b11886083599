"""Weights as a Kedro dataset: tensors and a JSON header, never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.json_text import parse_json
from oer_pipeline.common.types import Weights
from oer_pipeline.datasets.documents import encoded
from oer_pipeline.datasets.file import FileDataset

if TYPE_CHECKING:
    from torch import Tensor


class SafetensorsDataset(FileDataset):
    """(tensors by name, header) as safetensors; the header is JSON under the key
    `header`. Loads to the CPU."""

    def read(self, path: Path) -> Weights:
        import safetensors

        try:
            with safetensors.safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
                text = file.metadata()["header"]
            header = parse_json(text, f"{self.where}, its header")
        except DataError:
            raise
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            raise DataError(
                f"{self.where}: not a readable safetensors file: {error}"
            ) from error
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{self.where}: a safetensors file without our JSON `header`"
            ) from error
        if not isinstance(header, dict):
            raise DataError(
                f"{self.where}: its header is {header!r}; it takes a JSON object"
            )
        return tensors, header

    def write(
        self, path: Path, value: tuple[Mapping[str, Tensor], Mapping[str, Any]]
    ) -> None:
        import torch
        from safetensors.torch import save_file

        tensors, header = value
        # Clones, because safetensors refuses tensors that share memory, such as members
        # of one stack.
        whole = {
            n: t.detach().cpu().clone(memory_format=torch.contiguous_format)
            for n, t in sorted(tensors.items())
        }
        save_file(whole, path, metadata={"header": encoded(dict(header), self.where)})
