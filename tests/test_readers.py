"""Broken files: every reader answers with its own error or with a value, never with anything else."""

import pytest

from tests.mutation import mutants
from tests.readers import READERS, write_whole_file

COUNT = 12


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_whole_file_is_read(reader, tmp_path):
    path, _ = write_whole_file(reader, tmp_path)
    reader.read(path)


@pytest.mark.filterwarnings("ignore")  # what libraries say of broken files
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_broken_file_is_one_of_the_readers_own_errors(reader, tmp_path):
    path, data = write_whole_file(reader, tmp_path)
    messages = [""]
    for mutant in (b"", b"\0", data[:-1], *mutants(data, seed=0, count=COUNT)):
        path.write_bytes(mutant)
        try:
            reader.read(path)
        except reader.errors as error:
            messages.append(str(error))
    assert not any("\n" in message for message in messages)
