"""The folders of the code show what it does: small rooms, telling names, a drawing of today."""

import importlib.util
from collections import defaultdict
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
SCRIPTS = Path(__file__).parents[1] / "scripts"
SOURCE = Path(__file__).parents[1] / "src" / "keiryo"
MOST_ENTRIES = 14
# File names in several rooms: the same subject, of images and recordings, say, or as a record,
# a measurement and a table.
SAME_SUBJECT = {
    "analysis",  # its record; its computation
    "answers",  # of networks; these in words
    "architectures",  # their differences; these in words
    "audit",  # of images; of recordings
    "bench",  # the room; its command
    "changes",  # between comparisons: record, computation, words, table
    "check",
    "comparison",  # its record; its table
    "content",  # of packs of images; of recordings
    "convolution",  # the layers; the study
    "data",
    "diagnosis",
    "evaluation",
    "evidence",  # what checks look at
    "export",  # its record; its command
    "generation",
    "initialization",
    "listener",
    "locate",
    "near_copies",  # of images; of recordings
    "norm_activation",  # the layer; its kernel
    "opening",  # of a run's data or its pack: images; recordings
    "onnx",  # the exporters of classifiers and of WaveNets
    "options",
    "pack",
    "packing",
    "plan",
    "preview",  # its record; its table
    "progress",
    "run",
    "saved",
    "sound",
    "source",
    "speed",
    "split",
    "study",  # its record; its command
    "task",
    "training",
    "typed_options",
    "wavenet",
    "weighing",
}


def test_the_drawing_is_of_todays_code() -> None:
    spec = importlib.util.spec_from_file_location("drawing", SCRIPTS / "draw_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert script.redrawn(page) == page, "run scripts/draw_architecture.py"


def test_no_room_has_more_than_a_dozen_files() -> None:
    for folder in (SOURCE, *(path.parent for path in SOURCE.rglob("__init__.py"))):
        files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MOST_ENTRIES, f"{folder}: {len(files)} files: {', '.join(files)}"


def test_a_file_name_stands_for_one_subject() -> None:
    rooms: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        if path.name != "__init__.py":
            rooms[path.stem].append(str(path.parent.relative_to(SOURCE)))
    shared = {name: places for name, places in rooms.items() if len(places) > 1}
    unknown = {name: places for name, places in shared.items() if name not in SAME_SUBJECT}
    assert not unknown, f"one name, several subjects? {unknown}"
