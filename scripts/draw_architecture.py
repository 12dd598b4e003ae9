"""Draw the rooms of `src/keiryo` into docs/architecture.md, from what the code imports.

    make architecture

Needs the extra `test`. A test fails where the page is not what this draws.
"""

import ast
from pathlib import Path

import grimp

PACKAGE = "keiryo"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
BEGIN, END = "<!-- drawn by draw_architecture.py -->\n", "<!-- end of what was drawn -->\n"
# Imported by nearly every room: an arrow to each would hide the others.
FOUNDATIONS = (
    *("ahead", "errors", "files", "plan_option", "processes", "records"),
    *("run_folder", "sealed_pack", "version"),
)
ENTRANCES = ("__main__",)


def main() -> None:
    """Write the drawing into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(redrawn(page), encoding="utf-8")


def redrawn(page: str) -> str:
    """Return the page with the part between its two marks drawn anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{drawing()}\n{tables()}\n{END}{after}"


def drawing() -> str:
    """Return the rooms as a Mermaid flowchart; an arrow points to what is imported.

    A room that is reached through another one has no arrow of its own.
    """
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    for name in graph.find_children(PACKAGE):
        graph.squash_module(name)
    for name in (*FOUNDATIONS, *ENTRANCES):
        graph.remove_module(f"{PACKAGE}.{name}")
    lines = ["```mermaid", "flowchart TD"]
    for room in sorted(graph.find_children(PACKAGE)):
        imported = graph.find_modules_directly_imported_by(room) - {room}
        through = set[str]().union(*map(graph.find_upstream_modules, imported))
        lines += [f"    {room} --> {other}" for other in sorted(imported - through)]
    return "\n".join([*lines, "```", ""]).replace(f"{PACKAGE}.", "")


def tables() -> str:
    """Return a row a room and a file at the top: what it holds, by its own docstring."""
    rows = ["| room | what it holds | what is in it |", "| --- | --- | --- |"]
    files = ["| file | what it holds |", "| --- | --- |"]
    for path in sorted(SOURCE.iterdir()):
        if (path / "__init__.py").is_file():
            inside = sorted(child for child in path.iterdir() if is_code(child))
            names = ", ".join(
                f"`{child.stem}/`" if child.is_dir() else f"`{child.stem}`" for child in inside
            )
            rows.append(f"| `{path.name}/` | {first_line(path / '__init__.py')} | {names} |")
        elif is_code(path) and path.stem not in ENTRANCES:
            files.append(f"| `{path.name}` | {first_line(path)} |")
    return "\n".join([*rows, "", *files, ""])


def is_code(path: Path) -> bool:
    """Return whether `path` is a module or a package, and not what marks one."""
    if path.is_dir():
        return (path / "__init__.py").is_file()
    return path.suffix == ".py" and path.name != "__init__.py"


def first_line(path: Path) -> str:
    """Return the first line of a file's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, f"{path} says nothing of itself"
    return docstring.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")


if __name__ == "__main__":
    main()
