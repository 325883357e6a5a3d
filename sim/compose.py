"""From a scenario and an anatomy to the pictures that are drawn."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np

from meshes._check import check_choice
from meshes.model import Anatomy
from meshes.references import short_citations
from meshes.terms import split_key, terms
from scenarios import model
from scenarios.basics import DIRECTIONS, CameraName, Style
from scenarios.measured import measured
from scenarios.model import Scenario
from scenarios.selection import catalogue, select, select_one
from scenarios.sites import Ground
from scenarios.skin_maps import skin_map
from sim.cameras import axes_of
from sim.filling import FILLED, fillable
from sim.hair import with_hair
from sim.picture import Camera, Inset, Label, LegendItem, Line, Needle, Picture, Probe
from sim.picture_shown import Cut, Shown, Window
from sim.places import Places, apart, as_point, unit
from sim.procedures import Marked, aimed_at, by_ultrasound, free_needle, marked, site_needles, told
from sim.scanning import in_plane, inset_of, probe_on_skin
from sim.skin_paint import with_maps
from sim.theme import load_theme

WAYS = (("from the right", "from the left"), ("from in front", "from behind"), ("from above", "from below"))  # by axis of RAS
LEAST_WAY = 0.25
SEEN_FROM = re.compile(
    r"(?P<side>(?:right side|left side|on the skin), )?(?:seen from|from|close to)\b[^;.:]*(?P<mark>[;.:])\s*", re.IGNORECASE
)
WHERE_THINGS_LIE = re.compile(r"The patient's \w+ is [^.]*\.\s*")


def compose(
    scenario: Scenario,
    anatomy: Anatomy,
    *,
    views: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    style: str | None = None,
    seed: int | None = None,
) -> list[Picture]:
    """Return the pictures of a scenario.

    Parameters
    ----------
    scenario : Scenario
        The request.
    anatomy : Anatomy
        What is shown.
    views : sequence of str
        Names of views of the scenario, of cameras, or 'all'; none given makes every view that is not `extra`.
    size, style, seed
        In place of those of the scenario.

    Raises
    ------
    ScenarioError
        If the scenario names what the anatomy lacks, or its procedure refuses; a ValueError with file and line.
    ValueError
        If a view is not known.
    """
    scenario = measured(scenario, anatomy)
    cameras = chosen_views(scenario, views)
    scene = Scene(scenario, anatomy, check_choice("style", style or scenario.style, get_args(Style)))
    base = replace(scene.base(), seed=scenario.seed if seed is None else seed)
    if size is not None:
        base = replace(base, width_px=size[0], height_px=size[1])
    out = []
    for view in cameras:
        seen = scene.seen_from(view, base, first=view is scenario.view[0])
        out += [seen] if not scenario.step else scene.stepped(seen, own=view in scenario.view)
    out = [with_hair(p, anatomy.structures, eyebrows=scenario.eyebrows, hair=scenario.hair) for p in out]
    return [scene.painted(p) for p in out]


def chosen_views(scenario: Scenario, names: Sequence[str]) -> list[model.View]:
    """Return the views of a scenario that `names` ask for. Raises ValueError naming the nearest."""
    own = {v.name: v for v in scenario.view}
    if not names:
        return [v for i, v in enumerate(scenario.view) if i == 0 or not v.extra]
    if "all" in names:
        return list(scenario.view)
    cameras = {name: name for name in get_args(CameraName) if name not in own}
    out = []
    for name in names:
        check_choice("view", name, [*own, *cameras, "all"])
        if name in own:
            out.append(own[name])
        else:
            out.append(model.View(name=name, camera=cameras[name], caption=seen_from(scenario.caption, Camera(cameras[name]))))
    return out


def seen_from(caption: str, camera: Camera) -> str:
    """Return a caption in which the words on where the picture is seen from, at its beginning, are true of a camera.

    A sentence that tells where the patient's sides lie in the picture is left out: the picture's own marks tell that.
    """
    way = axes_of(camera)[0]
    order = [i for i in np.argsort(-np.abs(way), kind="stable") if abs(way[i]) > LEAST_WAY]
    words = [WAYS[int(i)][0 if way[i] > 0 else 1] for i in order]
    told = f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
    text = WHERE_THINGS_LIE.sub("", _line_of_text(caption)).strip()
    old = SEEN_FROM.match(text)
    if old is None:
        return f"Seen {told}. {text}".strip()
    side, mark, rest = old["side"] or "", old["mark"], text[old.end() :]
    joined = f"; {rest}" if mark == ";" else f". {rest[:1].upper()}{rest[1:]}"
    return f"{side}{'seen' if side else 'Seen'} {told}{joined}".strip()


class Scene:
    """One scenario on one anatomy: finds its places once, for all its pictures."""

    def __init__(self, scenario: Scenario, anatomy: Anatomy, style: str) -> None:
        self.scenario, self.anatomy, self.style, self.origin = measured(scenario, anatomy), anatomy, style, scenario.origin
        ground = Ground(anatomy)
        with self.origin.at("procedure"):
            self.marked: Marked = marked(scenario.procedure, ground, plain=scenario.labels.plain or load_theme(style).plain)
        self.places = Places(ground, self.marked.points)

    def base(self) -> Picture:
        """Return the picture that all views share."""
        s = self.scenario
        shown = self._shown()
        probe = self._probe()
        lines, line_labels, line_legend = self._lines()
        with self.origin.at("sources"):
            sources = short_citations([*s.sources, *self.marked.sources])
        cuts = self._cuts()
        filled = (LegendItem(*FILLED),) if any(cut.fill for cut in cuts) else ()
        legend = (*(LegendItem(r.text, r.colour, r.sign) for r in s.legend), *filled)
        return Picture(
            s.name, shown, title=s.title, caption=_line_of_text(s.caption), sources=sources,
            evidence=told_of(self.anatomy, s.evidence), whose=whose_of(self.anatomy), style=self.style,
            width_px=s.size[0], height_px=s.size[1], cuts=cuts, window=self._window(), markers=self.marked.markers,
            needles=self._needles(probe), probe=probe, inset=self._inset(probe), lines=lines, labels=(*self._labels(shown),
            *line_labels),
            legend=(*self.marked.legend, *line_legend, *legend), show_units=s.procedure is not None and s.procedure.show_units,
            seed=s.seed,
        )  # fmt: skip

    def seen_from(self, view: model.View, base: Picture, *, first: bool) -> Picture:
        """Return `base` from one camera; the first view keeps the plain name."""
        index = self.scenario.view.index(view) if view in self.scenario.view else 0
        with self.origin.at("view", index, "focus"):
            focus = None if view.focus is None else as_point(self.places.point(view.focus))
        camera = Camera(
            view.camera or "posterior", azimuth_deg=view.azimuth_deg, elevation_deg=view.elevation_deg, focus_mm=focus,
            width_mm=view.width_mm, zoom=view.zoom,
        )  # fmt: skip
        many = len(self.scenario.view) > 1 and not first
        hidden = self._keys(view.hide, ("view", index, "hide"))
        shown = tuple(x for x in base.shown if x.key not in hidden)
        if not shown:
            raise self.origin.error(("view", index, "hide"), "hides all that is shown; the picture would be empty.")
        names = self._names(view.label, ("view", index, "label"), shown) if view.label and self.scenario.labels.show else ()
        return replace(
            base, name=f"{base.name}-{view.name}" if many else base.name, camera=camera, title=view.title or base.title,
            caption=_line_of_text(view.caption or base.caption), shown=shown,
            labels=(*(x for x in base.labels if x.key not in hidden), *names),
        )  # fmt: skip

    def painted(self, picture: Picture) -> Picture:
        """Return a picture with the regions of skin that the scenario paints."""
        theme = load_theme(self.style)
        for i, row in enumerate(self.scenario.map):
            with self.origin.at("map", i, "region"):
                skin_map(row.region)
            with self.origin.at("map", i, "colour"):
                theme.colour(row.colour or "skin")
        with self.origin.at("map"):
            sources = short_citations(s for row in self.scenario.map for s in skin_map(row.region).sources)
            plain = self.scenario.labels.plain or theme.plain
            drawn = with_maps(picture, self.scenario.map, self.anatomy, plain=plain)
        return replace(drawn, sources=tuple(dict.fromkeys((*drawn.sources, *sources)))) if drawn.maps else drawn

    def stepped(self, picture: Picture, *, own: bool = True) -> list[Picture]:
        """Return one picture for each step, with what the steps so far take away; `own` is a view of the scenario."""
        out, gone = [], set[str]()
        for number, step in enumerate(self.scenario.step, 1):
            gone |= set(self._keys(step.remove, ("step", number - 1, "remove"), side=step.side)) if step.remove else set()
            shown = tuple(x for x in picture.shown if x.key not in gone)
            if not shown:
                raise self.origin.error(("step", number - 1, "remove"), "leaves nothing to be shown; the picture would be empty.")
            names = self._names(step.label, ("step", number - 1, "label"), shown) if step.label else ()
            kept = tuple(x for x in picture.labels if x.key not in gone)
            title, caption = step.title or picture.title, _line_of_text(step.caption or picture.caption)
            caption = caption if own else seen_from(caption, picture.camera)
            name = f"{picture.name}-{number}-{step.name}"
            out.append(replace(picture, name=name, shown=shown, labels=(*kept, *names), title=title, caption=caption))
        return out

    def _keys(self, names: Sequence[str], path: tuple[str | int, ...], *, side: str = "both") -> list[str]:
        """Structures of this anatomy that names mean; those of the catalogue that it lacks are passed over."""
        out: list[str] = []
        for i, name in enumerate(names):
            with self.origin.at(*path, i):
                known = select([name], [*catalogue(), *(k for k in self.anatomy.structures if k not in catalogue())], side=side)
                out += [k for k in known if k in self.anatomy]
        return out

    def _shown(self) -> tuple[Shown, ...]:
        found: dict[str, Shown] = {}
        theme = load_theme(self.scenario.style)
        for i, row in enumerate(self.scenario.show):
            if row.colour is not None:
                with self.origin.at("show", i, "colour"):
                    theme.colour(row.colour)
            for key in self._keys(row.structures, ("show", i, "structures"), side=row.side):
                found[key] = Shown(key, row.opacity, row.highlight, row.colour, row.behind)
        out = tuple(x for x in found.values() if x.opacity > 0)
        if found and not out:
            raise self.origin.error(("show",), "nothing is shown: the opacity of everything is 0.")
        if not out:
            raise self.origin.error(("show",), f"nothing that is named is part of the anatomy {self.anatomy.name!r}.")
        return out

    def _labels(self, shown: tuple[Shown, ...]) -> tuple[Label, ...]:
        s = self.scenario
        if not s.labels.show:
            return ()
        out = list(self._names(s.labels.structures, ("labels", "structures"), shown))
        for i, label in enumerate(s.label):
            with self.origin.at("label", i, "at"):
                text = label.text or self.places.name(label.at)
                if label.at.structure is not None and not {"offset_mm", "along"} & label.at.model_fields_set:
                    key = self.places.structure(label.at.structure).key
                    out.append(Label(label.text or self._term(key), key=key, priority=label.priority, emphasis=label.emphasis))
                else:
                    at = as_point(self.places.point(label.at))
                    out.append(Label(text, point_mm=at, priority=label.priority, emphasis=label.emphasis))
        return tuple(out)

    def _names(self, names: Sequence[str], path: tuple[str | int, ...], shown: Collection[Shown]) -> tuple[Label, ...]:
        """Labels of the structures that are in the picture, on the side that is labelled."""
        look = {x.key: x for x in shown}
        procedure, side = self.scenario.procedure, self.scenario.labels.side
        free = side is None and (procedure is None or procedure.side == "both")
        single = side or (procedure.side if procedure is not None and procedure.side != "both" else "right")
        keys = [k for k in self._keys(names, path, side=single) if k in look]
        return tuple(
            Label(self._term(k), key=k, priority=2.0 if look[k].highlight else 1.0, emphasis=look[k].highlight,
                  twin=_twin(k, names, look) if free else None)
            for k in dict.fromkeys(keys)
        )  # fmt: skip

    def _term(self, key: str) -> str:
        plain = self.scenario.labels.plain or load_theme(self.style).plain
        term = terms().get(split_key(key)[0])
        return term.plain if plain and term is not None else self.anatomy[key].ta2

    def _cuts(self) -> tuple[Cut, ...]:
        out = []
        for i, cut in enumerate(self.scenario.cut):
            with self.origin.at("cut", i, "at"):
                point = as_point(self.places.point(cut.at))
            normal = cut.normal if cut.normal is not None else DIRECTIONS[cut.remove or "right"]
            keys = self._keys(cut.structures, ("cut", i, "structures"), side=cut.side)
            out.append(Cut(point, as_point(unit(np.array(normal))), tuple(keys), cut.capped, cut.fill and fillable(self.anatomy)))
        return tuple(out)

    def _window(self) -> Window | None:
        window = self.scenario.window
        if window is None:
            return None
        with self.origin.at("window", "at"):
            centre = as_point(self.places.point(window.at))
        keys, steep = tuple(self._keys(window.structures, ("window", "structures"))), len(self.scenario.view) < 2
        if window.radius_mm is not None:
            return Window("sphere", centre, window.radius_mm, opacity=window.opacity, keys=keys, steep=steep)
        normal = DIRECTIONS[window.clear or "right"]
        return Window("half_space", centre, normal=normal, opacity=window.opacity, keys=keys, steep=steep)

    def _probe(self) -> Probe | None:
        if self.scenario.probe is None:
            return None
        with self.origin.at("probe"):
            return probe_on_skin(self.scenario.probe, self.places, self._side())

    def _side(self) -> str:
        """The side that is scanned: the procedure's, right of both."""
        procedure = self.scenario.procedure
        return "left" if procedure is not None and procedure.side == "left" else "right"

    def _inset(self, probe: Probe | None) -> Inset | None:
        if probe is None or self.scenario.ultrasound is None:
            return None
        with self.origin.at("ultrasound"):
            return inset_of(self.scenario, probe, self.places, self._side(), aimed_at(self.scenario.procedure, self._side()))

    def _needles(self, probe: Probe | None) -> tuple[Needle, ...]:
        request, procedure = self.scenario.needle, self.scenario.procedure
        if request is None:
            return ()
        with self.origin.at("needle"):
            if request.entry is not None and request.tip is not None:
                entry, tip = apart("entry and tip", [self.places.point(p) for p in (request.entry, request.tip)])
                return (free_needle(entry, tip, request, procedure),)
            if procedure is None:
                raise ValueError("give entry and tip, or a procedure with a site or a probe.")
            if not by_ultrasound(procedure):
                return site_needles(procedure, self.places.ground, request)
            own = probe or probe_on_skin(model.Probe(pose=told(procedure).pose), self.places, self._side())
            entry, tip = in_plane(own, self._axis(aimed_at(procedure, self._side())), self.places, request.end)
            return (free_needle(entry, tip, request, procedure),)

    def _axis(self, key: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        line = self.anatomy[key].centerline
        if line is None:
            raise ValueError(f"{key} has no axis in the anatomy {self.anatomy.name!r}.")
        return line

    def _lines(self) -> tuple[tuple[Line, ...], tuple[Label, ...], tuple[LegendItem, ...]]:
        lines, labels, legend = [], [], []
        for i, row in enumerate(self.scenario.line):
            with self.origin.at("line", i):
                points = self._path(row)
            lines.append(Line(tuple(map(as_point, points)), row.colour, row.width_mm, row.ticks, row.dashed))
            if row.label:
                labels.append(Label(row.label, point_mm=as_point(points[len(points) // 2])))
            if row.legend:
                legend.append(LegendItem(row.legend, row.colour, "line", row.dashed))
        return tuple(lines), tuple(labels), tuple(legend)

    def _path(self, row: model.Line) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        if row.curve is not None:
            points = self.anatomy.curve(row.curve)
            return np.array([self.places.on_skin(p) for p in points]) if row.on_skin else points
        ends = apart("two places that follow each other", [self.places.point(place) for place in row.through or ()])
        if not row.on_skin:
            return np.array(ends)
        pieces = [self.places.ground.skin.geodesic(a, b) for a, b in pairwise(ends)]
        return np.vstack([pieces[0], *(p[1:] for p in pieces[1:])])


def told_of(anatomy: Anatomy, evidence: str) -> str:
    """Return the words on evidence, and of a real person's anatomy also how sure its nerves are, and whose it is."""
    meta, parts = anatomy.meta, [evidence.strip().rstrip(".")] if evidence.strip() else []
    if meta.get("tre_mm") is not None:
        far = f" (nine in ten within {float(meta['tre_90_mm']):.0f} mm)" if meta.get("tre_90_mm") is not None else ""
        parts.append(f"nerves carried over from the model: their position is estimated, ± {float(meta['tre_mm']):.0f} mm{far}")
    if meta.get("credit"):
        parts.append(f"anatomy: {str(meta['credit']).strip().rstrip('.')}")
    return "; ".join(parts)


def whose_of(anatomy: Anatomy) -> str:
    """Return the same of a real person's anatomy in few words, where there is little room; empty for the model."""
    meta, parts = anatomy.meta, list[str]()
    if meta.get("tre_mm") is not None:
        parts.append(f"nerves estimated, ± {float(meta['tre_mm']):.0f} mm")
    if meta.get("credit"):
        parts.append(str(meta["credit"]).strip().rstrip("."))
    return "; ".join(parts)


def _twin(key: str, names: Sequence[str], shown: Collection[str]) -> str | None:
    """The structure of the other side if it is shown too and no name asks for one side."""
    base, side = split_key(key)
    other = f"{base}_{'left' if side == 'right' else 'right'}"
    return other if side != "median" and other in shown and not {key, other} & set(names) else None


def missing_structures(scenario: Scenario, anatomy: Anatomy) -> list[str]:
    """Return the names that a scenario shows and of which this anatomy has nothing."""
    names = dict.fromkeys(name for row in scenario.show for name in row.structures)
    known = [*catalogue(), *(k for k in anatomy.structures if k not in catalogue())]
    return [name for name in names if not any(key in anatomy for key in select_one(name, known))]


def _line_of_text(text: str) -> str:
    return " ".join(text.split())
