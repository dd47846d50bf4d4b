"""Plots for docs/benchmarks.md: on white and on dark paper, and the same file for the same figures."""

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.http import APPLICATIONS, OURS, VIEW
from benchmarks.http_servers import SERVERS
from benchmarks.lookups import EMPTY, NEAR, PEERS, SHARED

OUR_COLOUR, OTHER_COLOUR, INK = "#2f81f7", "#a98467", "#7d8590"
STYLE = {
    "svg.hashsalt": "companion",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
Figures = Mapping[str, Any]


def draw(name: str, figures: Figures, file: Path) -> None:
    """Draw the plot of a section into an SVG file."""
    with mpl.rc_context(STYLE):
        file.parent.mkdir(exist_ok=True)
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        DRAWINGS[name](figure.subplots(), figures)
        figure.savefig(file, metadata={"Date": None})


def _lookups(axes: Any, figures: Figures) -> None:
    """One bar for each contender, the cheapest on top."""
    micros = {
        peer.label: statistics.median(figures["microseconds"][f"{peer.label}, {way}"])
        for peer in PEERS
        for way in ("id", "config")
        if peer.label != EMPTY and f"{peer.label}, {way}" in figures["microseconds"]
    }
    labels = sorted(micros, key=micros.__getitem__, reverse=True)
    _bars(axes, labels, [micros[label] for label in labels], {NEAR, SHARED})
    axes.set(xscale="log", xlabel="microseconds for a configuration (waffle: an id), log scale")


def _http(axes: Any, figures: Figures) -> None:
    """The better server of each application."""
    rates = {
        application: max(
            statistics.median(load["rate"] for load in figures["one worker"][f"{server}, {application}"])
            for server in SERVERS
        )
        for application in APPLICATIONS
    }
    labels = sorted(rates, key=rates.__getitem__)
    _bars(axes, labels, [rates[label] for label in labels], {OURS, VIEW})
    axes.set(xlabel="requests a second, one worker, the better of uvicorn and granian")


def _bars(axes: Any, labels: list[str], values: list[float], ours: set[str]) -> None:
    drawn = axes.barh(labels, values, color=[OUR_COLOUR if label in ours else OTHER_COLOUR for label in labels])
    axes.bar_label(drawn, fmt=lambda value: f"{value:,.0f}" if value >= 10 else f"{value:.2g}", padding=4)


def _growth(axes: Any, figures: Figures) -> None:
    for place, colour in (("near", OUR_COLOUR), ("Redis", OTHER_COLOUR)):
        for way, line in (("hot", "-"), ("any", ":")):
            key, sizes = f"{place}, {way}", figures["sizes"]
            micros = [statistics.median(figures["microseconds"][f"{key}, {size}"]) for size in sizes]
            axes.plot(sizes, micros, line, marker="o", color=colour, label=key)
    axes.set(xscale="log", yscale="log", xlabel="personalities stored", ylabel="microseconds for a configuration")
    axes.legend(frameon=False)


DRAWINGS: dict[str, Callable[[Any, Figures], None]] = {"lookups": _lookups, "http": _http, "growth": _growth}
