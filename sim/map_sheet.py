"""The map sheet of PREEMPT for a clinic's wall: every site numbered in the order of giving, its units, and what to avoid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from meshes._check import check_choice
from meshes.model import Anatomy
from scenarios.model import Scenario
from scenarios.preempt import Request, preempt_sites
from scenarios.procedure_files import load_procedure
from scenarios.sites import read_table
from sim import map_notes
from sim.compose import told_of
from sim.map_board import draw_view, framed_at
from sim.map_notes import GAP, MARGIN, Plan
from sim.map_signs import Group
from sim.map_views import SheetView, sheet_views
from sim.palette_checks import hex_of
from sim.paper import Paper, page_size
from sim.paper_trial import Trial
from sim.tables import table
from sim.theme import load_theme

LANGUAGES = ("en",)
STYLE = "atlas"
PX_PER_MM = 6.0
PNG_DPI = 200
NAME_ROOM = 66.0
GROWN = 1.3
TRIALS = 4
LESS = 0.98
PAGES = {"overview": (), "front": ("front",), "sides": ("right", "left"), "back": ("back",)}


def map_sheet(
    anatomy: Anatomy, *, paper: str = "a4", follow_the_pain: Request | None = None, order_lines: bool = False,
    language: str = "en", px_per_mm: float = PX_PER_MM,
) -> bytes:  # fmt: skip
    """Return the map sheet as a PDF: a page for the wall with all views, then front, sides and back at working size.

    Every site stands once on the first page, and once more with the same number on the page of its view.

    Parameters
    ----------
    anatomy : Anatomy
        What the sites are placed on.
    paper : {'a4', 'letter'}
    follow_the_pain : mapping, optional
        Extra sites, as in `preempt_sites`.
    order_lines : bool
        Join the sites of a group on each side in their order.
    language : {'en'}
        The words of the plan exist in English only.
    px_per_mm : float
        Fineness of the drawings.

    Raises
    ------
    ValueError
        If paper or language are not known, or the plan refuses the extra sites.
    """
    check_choice("language", language, LANGUAGES)
    size, plan = page_size(paper), plan_of(anatomy, follow_the_pain)
    return lay_sheet(plan, sheet_views(anatomy, plan.sites, px_per_mm), size, order_lines=order_lines).finish()


def write_map_sheet(scenario: Scenario, folder: Path, paper: str = "a4", *, order_lines: bool = False) -> list[Path]:
    """Write the map sheet of a PREEMPT scenario, as a PDF and a PNG of each page, and return their paths.

    Raises
    ------
    ValueError
        If the scenario's procedure is not PREEMPT, or the paper is not known.
    OSError
        If a file cannot be written; none is left half-written.
    """
    from sim.anatomies import anatomy_for
    from sim.paper_files import write_pages

    procedure = scenario.procedure
    if procedure is None or procedure.name != "preempt":
        raise scenario.origin.error(("procedure",), "a map sheet needs the procedure 'preempt'.")
    page_size(paper)
    extra: Request = {
        str(k): v if isinstance(v, int) else {str(s): n for s, n in v.items()} for k, v in procedure.follow_the_pain.items()
    }
    data = map_sheet(anatomy_for(scenario), paper=paper, follow_the_pain=extra, order_lines=order_lines)
    return write_pages(data, Path(folder), f"{scenario.name}-sheet-{paper}", list(PAGES), dpi=PNG_DPI)


def plan_of(anatomy: Anatomy, follow_the_pain: Request | None = None) -> Plan:
    """Return what a sheet says of an anatomy. Raises ValueError as `preempt_sites`."""
    sites = preempt_sites(anatomy, follow_the_pain)
    rules, signs, theme = read_table("preempt_sites"), table("map_sheet")["signs"], load_theme(STYLE)
    groups = {}
    for i, (key, row) in enumerate(rules["groups"].items()):
        mine = tuple(s for s in sites if s.group == key)
        name = row["label"][0].upper() + row["label"][1:]
        groups[key] = Group(key, "ABCDEFG"[i], name, signs[key], hex_of(theme.colour(f"group_{i + 1}")), mine)
    extra = any(s.extra for s in sites)
    return Plan(groups, sites, load_procedure("preempt-39" if extra else "preempt-31"), rules, told_of(anatomy, ""))


def lay_sheet(plan: Plan, views: Sequence[SheetView], size: tuple[float, float], *, order_lines: bool = False) -> Paper:
    """Return the sheet, ready to be finished."""
    named = {v.row["name"]: v for v in views}
    out = _blank(plan, size)
    _overview(out, plan, named, order_lines)
    for number, names in enumerate((n for n in PAGES.values() if n), 2):
        out.turn()
        _detail(out, plan, [named[n] for n in names], number, order_lines)
    return out


def _blank(plan: Plan, size: tuple[float, float]) -> Paper:
    return Paper(
        size, title=plan.title, subject="Places, order and units of the PREEMPT plan", language="en",
        keywords=["PREEMPT", "chronic migraine", "onabotulinumtoxinA"],
    )  # fmt: skip


def _overview(out: Paper, plan: Plan, views: Mapping[str, SheetView], joined: bool) -> None:
    """The page for the wall."""
    out.bookmark(plan.title)
    top = map_notes.head(out, plan, plan.title)
    wide = out.width - 2 * MARGIN
    sizes = {k: v.size_mm for k, v in views.items()}
    scale = _overview_scale(out, plan, views, top)
    front = framed_at(views["front"], MARGIN, top, sizes["front"][0] * scale + NAME_ROOM, scale)
    draw_view(out, views["front"], front, plan.groups, joined=joined)
    left = MARGIN + front.width + GAP
    y = max(top + front.height, map_notes.summary(out, plan, left, top, MARGIN + wide - left)) + GAP / 2
    y = map_notes.making(out, plan, MARGIN, y, wide) + GAP / 2
    half = (wide - GAP) / 2
    for name, x in (("right", MARGIN), ("left", MARGIN + half + GAP)):
        frame = framed_at(views[name], x, y, half, scale)
        draw_view(out, views[name], frame, plan.groups, joined=joined)
    y += sizes["right"][1] * scale + GAP
    back = framed_at(views["back"], MARGIN, y, sizes["back"][0] * scale, scale)
    draw_view(out, views["back"], back, plan.groups, joined=joined)
    map_notes.cautions(out, plan, MARGIN + back.width + GAP, y, wide - back.width - GAP)
    map_notes.foot(out, plan, views.values())


def _overview_scale(out: Paper, plan: Plan, views: Mapping[str, SheetView], top: float) -> float:
    """Points per millimetre at which front, sides and back fill the page above its foot, beside the table."""
    wide = out.width - 2 * MARGIN
    high = out.height - MARGIN - map_notes.foot_height(out, plan, views.values()) - top - 3 * GAP
    front, side, back = (views[n].size_mm for n in ("front", "right", "back"))
    most = (wide - GAP) / (2 * side[0])
    scale = most
    for _ in range(TRIALS):
        trial = Trial((out.width, out.height))
        table_low = map_notes.summary(trial, plan, 0, 0, wide - front[0] * scale - NAME_ROOM - GAP)
        free = high - map_notes.making(trial, plan, 0, 0, wide)
        beside = (free - table_low) / (side[1] + back[1])
        alone = free / (front[1] + side[1] + back[1])
        scale = min(most, alone if front[1] * alone > table_low else beside)
    while scale > 0 and not _cautions_fit(out, plan, back, scale, wide):
        scale *= LESS
    return scale


def _cautions_fit(out: Paper, plan: Plan, back: tuple[float, float], scale: float, wide: float) -> bool:
    """Whether what is said beside the back is no higher than the back."""
    trial = Trial((out.width, out.height))
    return map_notes.cautions(trial, plan, 0, 0, wide - back[0] * scale - GAP) <= back[1] * scale + GAP


def _detail(out: Paper, plan: Plan, views: Sequence[SheetView], number: int, joined: bool) -> None:
    """One view, or the two sides, at working size, with the rule of each site."""
    row, keys = views[0].row, views[0].row["groups"]
    sites = [s for key in keys for s in plan.groups[key].sites]
    heading = f"{number - 1}. {row.get('seen', row['title'])}: {len(sites)} sites, {sum(s.units for s in sites):g} U"
    out.bookmark(heading)
    y = map_notes.head(out, plan, heading)
    wide = out.width - 2 * MARGIN
    trial = Trial((out.width, out.height))
    notes = map_notes.advice(trial, plan, row, MARGIN, map_notes.rules(trial, plan, keys, MARGIN, 0, wide) + GAP, wide)
    high = out.height - MARGIN - map_notes.foot_height(out, plan, views) - y - notes - GAP * (len(views) + 1)
    scale = min(high / sum(v.size_mm[1] for v in views), wide / max(v.size_mm[0] for v in views))
    for view in views:
        frame = framed_at(view, MARGIN, y, wide, scale, grown=GROWN)
        draw_view(out, view, frame, plan.groups, joined=joined)
        y += frame.height + GAP
    y = map_notes.rules(out, plan, keys, MARGIN, y, wide)
    map_notes.advice(out, plan, row, MARGIN, y + GAP, wide)
    map_notes.foot(out, plan, views)
