"""`keiryo export`: a trained network as a file for other runtimes."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keiryo.cli import options

if TYPE_CHECKING:
    from keiryo.records.export import ExportedModel

IMAGES_FROM = {
    "data": "held-out images, read anew from the data",
    "pack": "held-out images, read from the comparison's pack (the data are gone)",
    "random": "images of random pixels (the held-out images are not known)",
}
MOST_FILES = 5


def export(
    trial: Annotated[
        Path,
        typer.Argument(
            metavar="TRIAL",
            help="Folder of a trial, OUT/trials/NAME, or its model.safetensors; or a comparison's "
            "folder, OUT, for its recommended model.",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="Kind of file: onnx, openvino, or either in integers of 8 bits, onnx-int8 and "
            "openvino-int8. Several are separated by commas."
        ),
    ] = "onnx",
    max_drop: Annotated[
        float,
        typer.Option(
            min=0, max=100, help="Largest allowed drop of accuracy by integers, in points."
        ),
    ] = 0.5,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write the file to.", show_default="that of the model"),
    ] = None,
    allow: Annotated[
        bool,
        typer.Option("--allow", help="Write the file even if it answers differently."),
    ] = False,
    bundle: Annotated[
        bool,
        typer.Option(
            "--bundle",
            help="Write a folder that a colleague can run: the model, predict.py, requirements.txt "
            "and a model card.",
        ),
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the model, for the model card.", show_default="not stated"),
    ] = None,
    force: options.ForceFile = False,
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Export a trained network for another runtime, and check that it answers the same.

    The file takes decoded images (uint8, RGB) and gives probabilities: the preprocessing is inside.
    It is compared with the trained network on the held-out images.
    """
    from keiryo.cli.live.terminal import show_working

    with show_working("loading PyTorch") as terminal:
        from keiryo.comparison.exporting.checked_export import export_model
        from keiryo.measure.machine import usable_cores

        terminal.working("reading the model and the held-out images")
        exported = export_model(
            trial,
            out,
            to=[name.strip() for name in to.split(",")],
            max_drop=max_drop / 100,
            allow=allow,
            force=force,
            bundle=bundle,
            licence=licence,
            threads=threads or usable_cores(),
            say=terminal.tell,
        )
    if json:
        documents = [one.model_dump(mode="json") for one in exported]
        document = documents[0] if len(documents) == 1 else documents
        typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join(map(_describe, exported)))


def _describe(exported: "ExportedModel") -> str:
    from keiryo.report import words

    agreement = exported.agreement
    lines = [
        f"{exported.path}: {words.size(exported.size_bytes)}",
        f"  {agreement.images:,} {IMAGES_FROM[agreement.images_from]}: "
        f"{agreement.equal_labels:.1%} get the same class,",
        f"  and a probability differs by at most {agreement.largest_difference:.1g}",
    ]
    if agreement.largest_pixel_difference:
        lines[-1] += (
            f"; from the files on, by {agreement.largest_difference_from_files:.1g},\n  since the "
            f"runtime's pixels differ by up to {agreement.largest_pixel_difference} of 255"
        )
    for unread in agreement.unread_files[:MOST_FILES]:
        lines.append(f"  the runtime cannot read {unread}")
    if len(agreement.unread_files) > MOST_FILES:
        lines.append(f"  ... and {len(agreement.unread_files) - MOST_FILES:,} more such files")
    interval = agreement.accuracy_difference_interval
    if agreement.accuracy is not None and interval is not None:
        lines.append(
            f"  accuracy {agreement.accuracy:.1%}, that of the trained network "
            f"{agreement.trained_accuracy:.1%} (95 % interval of the difference: "
            f"{100 * interval[0]:+.1f} to {100 * interval[1]:+.1f} points)"
        )
    if agreement.exact_accuracy not in (None, agreement.accuracy):
        lines.append(f"  accuracy {agreement.exact_accuracy:.1%} in exact arithmetic")
    if not exported.holds:
        lines.append("  This differs by more than is allowed")
    return "\n".join(lines)
