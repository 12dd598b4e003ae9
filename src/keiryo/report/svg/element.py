"""One element of SVG or HTML, with all text escaped."""

from collections.abc import Iterable

from markupsafe import Markup, escape

# Lines are drawn on a square of so many units a side, which is stretched to the plot.
UNITS = 1000


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """Return an element; children that are no Markup are escaped.

    An underscore in the name of an attribute stands for a hyphen, one at its end for nothing.
    Attributes that are None are left out.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{tag}{given}>{inner}</{tag}>" if inner else f"<{tag}{given}/>")


def join(parts: Iterable[str]) -> Markup:
    """Return the parts as one text; parts that are no Markup are escaped."""
    return Markup("").join(parts)


def stretched(inner: Markup, style: str) -> Markup:
    """Return a square of `UNITS` a side around `inner`, stretched to the element that holds it."""
    view = f"0 0 {UNITS} {UNITS}"
    return element("svg", inner, viewBox=view, preserveAspectRatio="none", class_=style)


def percentage(value: float) -> str:
    """Return a place in the plot, with a precision of a hundredth of a pixel or so."""
    return f"{round(value, 2):g}%"


def _text(value: object) -> str:
    return f"{round(value, 3):g}" if isinstance(value, float) else str(value)
