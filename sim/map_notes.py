"""What a map sheet of PREEMPT says beside its views: the table of numbers, the rule of each site, and what to avoid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshes.model import Side
from meshes.references import short_citations
from scenarios.procedure_files import Procedure
from scenarios.procedure_model import Cited
from scenarios.sites import InjectionSite, needles
from sim.map_signs import Group, draw_sign
from sim.map_views import SheetView
from sim.page import DISCLAIMER
from sim.paper import ASCENT, INK, MUTED, RULE, Paper
from sim.paper_tables import Column, Draw, Row, draw_table
from sim.paper_text import Run, Text, broken

MARGIN, GAP = 30.0, 10.0
TITLE, LEAD, HEADING, BODY, SMALL = 17.0, 9.2, 10.5, 8.4, 8.0
LEADING = 1.19
SIGN = 5.0
SIDES = {"left": "L", "right": "R", "median": ""}
SIDED: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True)
class Plan:
    """What a sheet says: its groups with their sites, and the procedure's own words."""

    groups: Mapping[str, Group]
    sites: tuple[InjectionSite, ...]
    procedure: Procedure
    rules: Mapping[str, Any]
    whose: str = ""

    @property
    def units(self) -> float:
        """Of all sites."""
        return sum(s.units for s in self.sites)

    @property
    def title(self) -> str:
        """What the sheet is."""
        return f"PREEMPT injection map: {len(self.sites)} sites, {self.units:g} U"


def head(out: Paper, plan: Plan, title: str) -> float:
    """Write title and dose, and blanks for name and date; return where the page's content begins."""
    row = plan.rules["plan"]
    below = (
        f"OnabotulinumtoxinA for chronic migraine: {row['units_per_site']} U in {row['volume_ml']:g} mL at each site "
        f"({row['concentration_u_per_ml']} U/mL), every 12 weeks"
    )
    with out.tag("H1"):
        out.write(title, MARGIN, MARGIN + 0.8 * TITLE, TITLE, bold=True)
    with out.tag("P"):
        out.write(below, MARGIN, MARGIN + TITLE + LEAD, LEAD, colour=MUTED)
    y, right = MARGIN + TITLE + 3 * LEAD, out.width - MARGIN
    for name, start, end in (("Patient", 0.0, 0.46), ("Date", 0.48, 0.68), ("Given by", 0.7, 1.0)):
        x0, x1 = (MARGIN + (right - MARGIN) * v for v in (start, end))
        with out.tag("P"):
            said = out.write(name, x0, y, SMALL, colour=MUTED)
        out.rule(said.x1 + 4, y + 1, x1, y + 1, colour=INK)
    return y + GAP


def summary(out: Paper, plan: Plan, x: float, y: float, wide: float) -> float:
    """Write the table of groups with the total; return its lower edge."""
    columns = [
        Column("", 20), Column("Muscle", wide - 20 - 80 - 31 - 37 - 41), Column("Numbers", 80), Column("Sites", 31, "right"),
        Column("U each", 37, "right"), Column("Units", 41, "right"),
    ]  # fmt: skip
    rows = []
    for group in plan.groups.values():
        name, each = [Run(f"{group.letter}  {group.name}", bold=True)], f"{group.sites[0].units:g}"
        cells: list[Text] = ["", name, numbers(group.sites), str(len(group.sites)), each, f"{group.units:g}"]
        rows.append(Row(cells, draw=_signed(out, group)))
    rows.append(Row(["", "All", f"1–{len(plan.sites)}", str(len(plan.sites)), "", f"{plan.units:g} U"], bold=True))
    return draw_table(out, x, y, columns, rows, BODY)


def making(out: Paper, plan: Plan, x: float, y: float, wide: float) -> float:
    """Write how the product is made up, with which needles and in what order it is given; return the lower edge."""
    for text in _making(plan):
        with out.tag("P"):
            y = out.paragraph(text, x, y, wide, SMALL, leading=LEADING) + 1.5
    return y


def numbers(sites: Sequence[InjectionSite]) -> str:
    """Return the numbers of a group: those of the left, then those of the right."""
    out = []
    for side, letter in SIDES.items():
        mine = [s.order for s in sites if s.side == side]
        if mine:
            ends = f"{mine[0]}" if len(mine) == 1 else f"{mine[0]}–{mine[-1]}"
            out.append(f"{letter} {ends}".strip())
    return " · ".join(out)


def cautions(out: Paper, plan: Plan, x: float, y: float, wide: float) -> float:
    """Write what to avoid, and the warning of the label; return the lower edge."""
    y = _listed(out, "Avoid", plan.procedure.errors, x, y, wide)
    return _listed(out, "Tell the patient, and watch for", plan.procedure.complications[:3], x, y + 4, wide)


def rules(out: Paper, plan: Plan, keys: Sequence[str], x: float, y: float, wide: float) -> float:
    """Write the table of sites: numbers, rule, needle, units, level of evidence; return its lower edge."""
    columns = [
        Column("", 20), Column("Muscle", 90), Column("Left", 28, "centre"), Column("Right", 40, "centre"),
        Column("Where", wide - 20 - 90 - 68 - 78 - 22 - 60), Column("Needle", 78), Column("U", 22, "centre"),
        Column("Place, angle", 60, "centre"),
    ]  # fmt: skip
    rows = []
    for key in keys:
        group = plan.groups[key]
        for text in dict.fromkeys(s.rule for s in group.sites):
            pair = {s.side: s for s in group.sites if s.rule == text}
            rows.append(Row(_rule_cells(plan, group, pair), draw=_signed(out, group, hollow=next(iter(pair.values())).extra)))
    return draw_table(out, x, y, columns, rows, SMALL)


def advice(out: Paper, plan: Plan, row: Mapping[str, Any], x: float, y: float, wide: float) -> float:
    """Write how the sites of a view are given, and what to avoid there; return the lower edge."""
    half = (wide - 2 * GAP) / 2
    with out.tag("H2"):
        low = out.paragraph("How", x, y, half, HEADING, bold=True) + 1
    for step in (s for s in plan.procedure.steps if s.id in row["steps"]):
        with out.tag("P"):
            low = out.paragraph(f"{step.text} {step.hint}", x, low, half, SMALL, leading=LEADING) + 2
    picked = [c for c in plan.procedure.errors if any(word in c.text for word in row["errors"])]
    title, items = ("Avoid", picked) if picked else ("Watch for", plan.procedure.complications[3:])
    return max(low, _listed(out, title, items, x + half + 2 * GAP, y, half))


def foot_height(out: Paper, plan: Plan, views: Iterable[SheetView]) -> float:
    """Return how much room the foot of a page takes."""
    return len(broken(_foot_text(plan, views), SMALL, out.width - 2 * MARGIN)) * LEADING * SMALL + 5


def foot(out: Paper, plan: Plan, views: Iterable[SheetView]) -> None:
    """Write what is dashed, sources and levels of evidence, and what the sheet is not, at the foot of the page."""
    views = list(views)
    y = out.height - MARGIN - foot_height(out, plan, views)
    out.rule(MARGIN, y, out.width - MARGIN, y, colour=RULE)
    with out.tag("P"):
        out.paragraph(_foot_text(plan, views), MARGIN, y + 4, out.width - 2 * MARGIN, SMALL, colour=MUTED, leading=LEADING)


def _foot_text(plan: Plan, views: Iterable[SheetView]) -> str:
    dashed = "; ".join(dict.fromkeys(f"{v.row.get('seen', v.row['title'].lower())}, {v.row['dashed']}" for v in views))
    whose = f"{plan.whose[:1].upper()}{plan.whose[1:]}. " if plan.whose else ""
    keys = [*plan.rules["plan"]["sources"], *plan.procedure.sources]
    keys += [k for c in (*plan.procedure.errors, *plan.procedure.complications) for k in c.sources]
    return (
        f"Dashed: {dashed}. The middle of a sign, or the dot at the end of its line, is the site. Sites, units and limits were "
        "read in label text (V); places are working definitions (B) on the head shown, the full text of the plan was not read. "
        "V, FOUND: read in the source; DERIVED: from it; M: on a copy; R, KNOWN: taught; I: our choice. "
        f"Sources: {'; '.join(short_citations(keys))}. {whose}{DISCLAIMER}"
    )


def _making(plan: Plan) -> list[str]:
    """How the product is made up, the needles, and the order."""
    row = plan.rules["plan"]
    vial = next(c.text for c in plan.procedure.checklist if c.text.startswith("Vial"))
    made = f"Volume in all: {len(plan.sites) * row['volume_ml']:.1f} mL. {vial}"
    long = f"{needles()[row['long_needle']].label} in the neck only, for {row['long_needle_when']}"
    lines = [made, f"Needle: {needles()[row['needle']].label}; {long}."]
    lines.append(f"{plan.procedure.position.text} The order is that of the label's table; no source prescribes one.")
    extra = ", ".join(str(s.order) for s in plan.sites if s.extra)
    lines += [f"Hollow signs ({extra}): follow-the-pain, given only where the pain is."] if extra else []
    return [" ".join(lines)]


def _listed(out: Paper, title: str, cited: Sequence[Cited], x: float, y: float, wide: float) -> float:
    """A heading and short texts with their levels of evidence."""
    with out.tag("H2"):
        y = out.paragraph(title, x, y, wide, HEADING, bold=True) + 1
    with out.tag("L"):
        for item in cited:
            with out.tag("LI"), out.tag("LBody"):
                out.write("•", x, y + ASCENT * SMALL, SMALL)
                text = [Run(item.text), Run(f" ({item.evidence})", colour=MUTED)]
                y = out.paragraph(text, x + 8, y, wide - 8, SMALL, leading=LEADING) + 1.5
    return y


def _signed(out: Paper, group: Group, *, hollow: bool = False) -> Draw:
    """What draws a group's sign into a table."""

    def draw(x: float, y: float) -> None:
        draw_sign(out, group, x, y, SIGN, hollow=hollow)

    return draw


def _rule_cells(plan: Plan, group: Group, pair: Mapping[Side, InjectionSite]) -> list[str]:
    """A row of the table of sites: one rule, read for each side."""
    first = next(iter(pair.values()))
    left, right = (str(pair[side].order) if side in pair else "–" for side in SIDED)
    if "median" in pair:
        left, right = str(first.order), "midline"
    name = group.name + (" +" if first.extra else "")
    levels = f"{first.evidence['position']}, {first.evidence['angle']}"
    return ["", name, left, right, _where(plan, first), _needle(plan, group.key), f"{first.units:g}", levels]


def _where(plan: Plan, site: InjectionSite) -> str:
    """The rule of a site with its lengths."""
    name = f"{site.id.split('_')[0]}_{site.id.split('_')[1][1:]}"
    row = next(r for r in (*plan.rules["sites"], *plan.rules["extra"]) if r["id"] == name)
    lengths = [plan.rules["params"][s["mm"]]["value"] for s in row.get("steps", ()) if "mm" in s and "clear" not in s]
    said = ", then ".join(f"{v:g} mm" for v in lengths if v)
    return f"{site.rule.rstrip('.')}: {said}." if said else site.rule


def _needle(plan: Plan, key: str) -> str:
    """How the needle stands to the skin, in words."""
    angle = plan.rules["groups"][key]["angle"]
    if "along" in angle:
        return "level, shallow"
    upright = angle["to_skin_deg"] == 90
    return "90° to the skin" if upright else f"{angle['to_skin_deg']}°, pointing up"
