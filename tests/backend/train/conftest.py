"""A tiny pack for every test that trains or looks at training data."""

from pathlib import Path

import pytest

from backend.train.pack import write_pack
from tests.backend.train.shapes import tiny_objects


@pytest.fixture(scope="session")
def tiny_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of six self-made objects, two of them held out."""
    path = tmp_path_factory.mktemp("data") / "tiny.pack"
    write_pack(tiny_objects(), path)
    return path
