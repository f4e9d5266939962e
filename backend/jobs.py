"""A job's folder: artifacts that are whole or absent, and the record of what each was made from.

`stages.json` holds for every stage the SHA-256 of its files and what it was made from (checksums of the
artifacts it read, settings, seed, weights). That decides what a resumed job does with an artifact:

    files as recorded, made from the same      reused
    files as recorded, made from other things  made anew
    files that differ from the record, that    taken as given: the user edited or brought them, and
    have no record, or were changed in place   only `start_from` makes them anew
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.errors import ArtifactError
from backend.protocol import (
    CANDIDATE_FILE,
    LEVEL_FILE,
    MAX_CANDIDATES,
    RECORD_FILE,
    REPORT_FILE,
    REQUEST_FILE,
    RETEXTURED_FILE,
    STAGE_FILES,
    Json,
    ProtocolError,
    Request,
    Stage,
)
from backend.records import from_data, parse_json, to_data
from backend.storage import (
    PART_PREFIX,
    flush_to_disk,
    part_of,
    put_in_place,
    sha256_of,
    write_whole,
    writing_errors,
    writing_whole,
)

Source = dict[str, Json]
"""What a stage's artifact was made from, as JSON."""

EDIT = "edit"
"""Key of a source that says how an artifact was changed in place; from then on it is taken as given."""

STALE: Source = {"stale": True}
"""Equal to no real source, so the stage is made anew."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a stage's files.

    Attributes:
        files: SHA-256 of each file, by name.
        made_from: None where the user brought the files.
    """

    files: dict[str, str]
    made_from: Source | None


class Job:
    """The folder of one job, open for one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open a job's folder, making it if needed, and drop what a killed process left unfinished.

        Raises:
            StorageError: the folder cannot be made or written.
            ArtifactError: its record cannot be read.
        """
        self.folder = folder
        with writing_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for part in folder.glob(PART_PREFIX + "*"):
                part.unlink()
        self._records = _read_records(folder / RECORD_FILE)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def paths(self, stage: Stage) -> list[Path]:
        """The files of a stage, there or not."""
        return [self.folder / name for name in STAGE_FILES[stage]]

    def path(self, stage: Stage) -> Path:
        """The file of a stage that later stages read.

        Raises:
            ArtifactError: when it is not there.
        """
        path = self.paths(stage)[0]
        if not path.is_file():
            raise ArtifactError(
                f"The job {self.folder} has no {path.name}; start from the stage {stage} or an earlier one"
            )
        return path

    def results(self, request: Request) -> list[Path]:
        """The files that a request ends in, there or not; the first is the one to show or import."""
        if request.edited is not None:
            return [self.folder / RETEXTURED_FILE]
        if request.text is not None and request.text.candidates:
            return [self.candidate(number + 1) for number in range(request.text.candidates)]
        return [*self.paths(request.stop_after), *self.levels(request)]

    def candidate(self, number: int) -> Path:
        """The file of a picture drawn from words, there or not."""
        return self.folder / CANDIDATE_FILE.format(number)

    def candidates(self) -> dict[int, Path]:
        """The pictures drawn from words that are there, by number."""
        numbers = range(1, MAX_CANDIDATES + 1)
        return {number: path for number in numbers if (path := self.candidate(number)).is_file()}

    def is_whole(self, stage: Stage) -> bool:
        """Whether all files of a stage are there."""
        return all(path.is_file() for path in self.paths(stage))

    def checksums(self, stage: Stage) -> dict[str, str]:
        """SHA-256 of a stage's files, by name."""
        return {path.name: sha256_of(path) for path in self.paths(stage)}

    def is_given(self, stage: Stage) -> bool:
        """Whether the user edited or brought a stage's files, or had them changed in place."""
        record = self._records.get(stage)
        if not self.is_whole(stage):
            return False
        if record is None or record.made_from is None or EDIT in record.made_from:
            return True
        return record.files != self.checksums(stage)

    def was_made_from(self, stage: Stage, source: Stage) -> bool:
        """Whether a stage's files are as they were made, and from the present file of `source`."""
        record = self._records.get(stage)
        if record is None or record.made_from is None or not self.is_whole(source) or self.is_given(stage):
            return False
        inputs, path = record.made_from.get("inputs"), self.path(source)
        return isinstance(inputs, dict) and inputs.get(path.name) == sha256_of(path)

    def levels(self, request: Request) -> list[Path]:
        """Files of the levels of detail after the first, there or not."""
        is_asked = request.stop_after is Stage.TEXTURE and request.edited is None
        return [self.folder / LEVEL_FILE.format(number + 1) for number in range(len(request.lods) * is_asked)]

    def fits(self, stage: Stage, made_from: Source) -> bool:
        """Whether a stage's files are what it would make from `made_from`."""
        record = self._records.get(stage)
        return (
            record is not None
            and record.made_from == made_from
            and self.is_whole(stage)
            and record.files == self.checksums(stage)
        )

    def replace(
        self, stage: Stage, made_from: Source | None, write: Callable[[Sequence[Path]], None]
    ) -> None:
        """Put new files in a stage's place: `write` gets the paths to write, in the order of `paths`.

        The old files go before the record changes, and the new ones come after it: wherever the process
        is killed, a file that is there is whole and its record is true.

        Raises:
            StorageError: the disk is full or the folder cannot be written; the old files stay.
        """
        targets = self.paths(stage)
        parts = [part_of(path) for path in targets]
        with writing_errors(targets[0]):
            try:
                write(parts)
                for part in parts:
                    flush_to_disk(part)
                files = {path.name: sha256_of(part) for path, part in zip(targets, parts, strict=True)}
                with self._changing_records({stage: Record(files, made_from)}):
                    for path in targets:
                        path.unlink(missing_ok=True)
                for path, part in zip(targets, parts, strict=True):
                    put_in_place(part, path)
            finally:
                for part in parts:
                    part.unlink(missing_ok=True)

    def forget(self, stages: Iterable[Stage]) -> None:
        """Make `stages` anew next time, whatever their files hold; the files stay until then."""
        whole = [stage for stage in stages if self.is_whole(stage)]
        with self._changing_records({stage: Record(self.checksums(stage), STALE) for stage in whole}):
            pass

    def write_request(self, request: Request) -> None:
        """Keep what was asked for."""
        write_whole(self.folder / REQUEST_FILE, _json_bytes(to_data(request)))

    def read_request(self) -> Request | None:
        """What was asked for last, or None in a new job.

        Raises:
            ArtifactError: when the file is damaged.
        """
        data = _read_json(self.folder / REQUEST_FILE)
        try:
            return None if data is None else from_data(Request, data)
        except ProtocolError as error:
            raise ArtifactError(
                f"{self.folder / REQUEST_FILE} is damaged ({error}); remove it and name the picture again"
            ) from error

    def write_report(self, report: Mapping[str, Json]) -> None:
        """Keep the report of the last run."""
        write_whole(self.folder / REPORT_FILE, _json_bytes(dict(report)))

    def read_report(self) -> dict[str, Json]:
        """The report of the last run; empty in a new job."""
        data = _read_json(self.folder / REPORT_FILE)
        return data if isinstance(data, dict) else {}

    @contextmanager
    def _changing_records(self, changes: Mapping[Stage, Record]) -> Iterator[None]:
        """Change the record after the block; that there is room for it is made sure before."""
        records = self._records | dict(changes)
        ordered = {stage: records[stage] for stage in Stage if stage in records}
        data: dict[str, Json] = {
            stage.value: {"files": dict(record.files), "made_from": record.made_from}
            for stage, record in ordered.items()
        }
        with writing_whole(self.folder / RECORD_FILE, _json_bytes(data)):
            yield
        self._records = ordered


def _read_records(path: Path) -> dict[Stage, Record]:
    data = _read_json(path)
    if data is None:
        return {}
    try:
        return {Stage(name): _record(entry) for name, entry in data.items()}  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} is damaged; remove it to take the job's files as they are") from error


def _record(entry: Json) -> Record:
    if not isinstance(entry, dict):
        raise TypeError
    files, made_from = entry["files"], entry["made_from"]
    if not isinstance(files, dict) or not isinstance(made_from, dict | None):
        raise TypeError
    return Record({name: str(digest) for name, digest in files.items()}, made_from)


def _json_bytes(data: dict[str, Json]) -> bytes:
    return (json.dumps(data, indent=2) + "\n").encode()


def _read_json(path: Path) -> Json:
    try:
        return parse_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ProtocolError) as error:
        raise ArtifactError(f"{path} is damaged ({error}); remove it and run the job again") from error
