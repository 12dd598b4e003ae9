"""The folder that a run writes into: claimed before anything is written, continued later."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.plan_option import flag_of
from keiryo.records.base import Record
from keiryo.sentences import disk_space

# Files that keiryo was writing under a temporary name when it was killed.
LEFTOVERS = (".*.tmp", ".*.old")
LOCK_FILE = ".running.lock"

AnyPlan = TypeVar("AnyPlan", bound=Record)


@dataclass(frozen=True)
class RunFolder:
    """The folder `path` of a run of some `kind`, a comparison or a training.

    `plan_file` holds its plan; `results` are the files and folders that --force removes.
    """

    path: Path
    kind: str
    plan_file: str
    results: tuple[str, ...]

    @property
    def has_plan(self) -> bool:
        """True if the folder is that of a run."""
        return (self.path / self.plan_file).is_file()

    def read_plan(self, plan: type[AnyPlan]) -> AnyPlan:
        """Return the plan of the run; raise InputError if there is none or it is damaged."""
        path = self.path / self.plan_file
        try:
            return plan.model_validate(json.loads(path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                f"--out {self.path}: holds no {self.kind} to continue (no {self.plan_file})"
            ) from None
        except (ValueError, RecursionError):
            raise InputError(f"{path}: damaged, or by another version; use another --out") from None

    def write_plan(self, plan: Record) -> None:
        """Write the plan."""
        # A path in it may be no UTF-8, which Python's JSON can express and pydantic's cannot.
        text = json.dumps(plan.model_dump(), indent=2, ensure_ascii=True)
        write_text(self.path / self.plan_file, text)

    def claim(self, plan: Record, *, force: bool) -> None:
        """Make the folder that of `plan`; with `force`, in place of the run in it.

        A pack in it is kept, since it is packed again if it no longer fits. Raises InputError
        if there is something that must not be overwritten.
        """
        self.check_claim(force=force)
        if self.has_plan:
            self._remove_results()
        self.path.mkdir(parents=True, exist_ok=True)
        self.clear_leftovers()
        self.write_plan(plan)

    def check_claim(self, *, force: bool) -> None:
        """Raise InputError if the folder may not be claimed; nothing is changed."""
        if self.has_plan:
            if not force:
                raise InputError(
                    f"--out {self.path}: already holds a {self.kind}; continue it with --resume, "
                    "replace it with --force, or name another folder"
                )
        elif self.path.exists() and (not self.path.is_dir() or self._holds_foreign_files()):
            raise InputError(
                f"--out {self.path}: exists and is not a {self.kind} of keiryo's; name another "
                "folder"
            )

    @contextmanager
    def occupy(self) -> Iterator[None]:
        """Keep other processes from running in the folder meanwhile, even if this one is killed.

        The folder is made if it is not there, and removed if it is still empty at the end. Raises
        InputError if another process runs in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / LOCK_FILE)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise InputError(
                f"--out {self.path}: another keiryo is running in it; wait until it has ended, or "
                "name another folder"
            ) from None
        try:
            yield
        finally:
            (self.path / LOCK_FILE).unlink(missing_ok=True)
            lock.release()
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def check_kept(self, needed: Iterable[Path]) -> None:
        """Raise InputError if --force would remove a file or folder that is `needed` later."""
        removed = [(self.path / name).resolve() for name in self.results]
        # Many files lie in few folders, and resolving a path takes time.
        folders: dict[Path, Path] = {}
        for path in needed:
            real = folders.get(path.parent)
            if real is None:
                real = folders[path.parent] = path.parent.resolve()
            place = real / path.name
            if any(place == gone or gone in place.parents for gone in removed):
                raise InputError(
                    f"--force: would remove {path}, which this {self.kind} needs; name another "
                    "--out"
                )

    def release(self, *prepared: str) -> None:
        """Take back the claim if nothing came of it but the plan and the folders `prepared`."""
        left = {path.name for path in self.path.iterdir()}
        if left <= {self.plan_file, LOCK_FILE, *prepared}:
            for name in prepared:
                shutil.rmtree(self.path / name, ignore_errors=True)
            (self.path / self.plan_file).unlink(missing_ok=True)
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def clear_leftovers(self) -> None:
        """Remove the half-written files of a run that was killed."""
        below = [path for name in self.results for path in _folders(self.path / name)]
        for folder in (self.path, *below):
            for pattern in LEFTOVERS:
                for leftover in folder.glob(pattern):
                    shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    def check_same(self, given: Iterable[str], then: Record, now: Record) -> None:
        """Raise InputError if an option that is `given` again differs from what it was.

        `then` is the plan that the run was begun with, `now` that of the options given.
        """
        for key in given:
            before, after = getattr(then, key), getattr(now, key)
            if before == after:
                continue
            flag = flag_of(type(then), key)
            if isinstance(after, bool):  # a switch, given if it is not at its default
                is_given = after != type(then).model_fields[key].default
                option = flag if is_given else f"without {flag}"
                begun = "without it" if is_given else "with it"
            else:
                option = f"{flag} {_shown(after)}"
                begun = "without it" if before is None else f"with {_shown(before)}"
            raise InputError(
                f"{option}: the {self.kind} in {self.path} was begun {begun}; leave the option "
                "out, or use another --out"
            )

    def _holds_foreign_files(self) -> bool:
        # A kill may have come while the plan was being written.
        return any(
            path.name != LOCK_FILE and not path.match(f".{self.plan_file}.*.tmp")
            for path in self.path.iterdir()
        )

    def _remove_results(self) -> None:
        for name in self.results:
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        # Last, so that a folder half removed is still known to be keiryo's.
        (self.path / self.plan_file).unlink()


def check_space(out: Path, needed_bytes: int) -> None:
    """Raise InputError if the disk of `out` has no room for `needed_bytes` there."""
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    already = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    if free < needed_bytes - already:
        raise InputError(
            f"--out {out}: its disk has {disk_space(free)} left and this run needs "
            f"{disk_space(needed_bytes - already)}; free some, or name a folder on another disk"
        )


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return [path, *(child for child in path.iterdir() if child.is_dir())]


def _shown(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
