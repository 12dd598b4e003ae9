"""`keiryo export`: a trained network as a file for other runtimes."""

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
        str, typer.Option(help="Kind of file: onnx, or onnx-int8 (integers of 8 bits).")
    ] = "onnx",
    max_drop: Annotated[
        float,
        typer.Option(
            min=0, max=100, help="Largest allowed drop of accuracy by onnx-int8, in points."
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
    force: options.ForceFile = False,
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Export a trained network for another runtime, and check that it answers the same.

    The file takes decoded images (uint8, RGB) and gives probabilities: the preprocessing is inside.
    It is compared with the trained network on the held-out images.
    """
    from keiryo.cli.live.terminal import show_working

    with show_working("loading PyTorch"):
        from keiryo.comparison.exporting.checked_export import export_model
    from keiryo.measure.machine import usable_cores

    exported = export_model(
        trial,
        out,
        to=to,
        max_drop=max_drop / 100,
        allow=allow,
        force=force,
        threads=threads or usable_cores(),
        say=lambda message: typer.echo(message, err=True),
    )
    typer.echo(exported.model_dump_json(indent=2) if json else _describe(exported))


def _describe(exported: "ExportedModel") -> str:
    from keiryo.report import words

    agreement = exported.agreement
    lines = [
        f"{exported.path}: {words.size(exported.size_bytes)}",
        f"  {agreement.images:,} {IMAGES_FROM[agreement.images_from]}: "
        f"{agreement.equal_labels:.1%} get the same class,",
        f"  and a probability differs by at most {agreement.largest_difference:.1g}",
    ]
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
