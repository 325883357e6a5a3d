"""The 3-D view of the patient's page in a real headless browser with software WebGL, on a bare page of the test."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.loader import load_scenario
from sim.explain.model import PatientModel, patient_model, three_js, viewer_js
from tests.browsers import Page, browser_path
from tests.test_sim_explain_model import SOME

pytestmark = [
    pytest.mark.slow,
    pytest.mark.image,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

FLAGS = (
    "--no-sandbox", "--use-gl=angle", "--use-angle=gl-egl", "--ignore-gpu-blocklist", "--enable-unsafe-swiftshader",
    "--no-first-run", "--disable-background-networking", "--force-color-profile=srgb",
)  # fmt: skip
PAPER = np.array([251, 248, 243])


@pytest.fixture(scope="module")
def few(anatomy: Anatomy) -> Anatomy:
    return Anatomy.of("few", [anatomy[k] for k in SOME], dict(anatomy.landmarks), dict(anatomy.curves))


@pytest.fixture(scope="module")
def model(few: Anatomy, voxel_cache: Path) -> PatientModel:
    return patient_model(few, load_scenario("gon-block-landmark"))


def page_of(model: PatientModel, options: str = "{}") -> str:
    glb = base64.b64encode(model.glb).decode()
    return f"""<!DOCTYPE html><meta charset="utf-8"><style>html, body {{ margin: 0; height: 100%; }}
canvas {{ width: 100%; height: 100%; display: block; }}</style><canvas id="c"></canvas><script>{three_js()}</script>
<script>{viewer_js()}</script><script>
window.v = new InionViewer(document.getElementById('c'), "{glb}", {json.dumps(model.info)}, {options});
v.ready.then(() => {{ window.loaded = performance.now(); }});</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        made = tool.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        try:
            yield made
        finally:
            made.close()


@contextmanager
def shown(browser: Any, model: PatientModel, folder: Path, options: str = "{}", **more: Any) -> Iterator[Page]:
    """Open the bare page from a file, without a network."""
    (folder / "page.html").write_text(page_of(model, options), "utf-8")
    context = browser.new_context(offline=True, **({"viewport": {"width": 480, "height": 640}} | more))
    try:
        page = Page(context.new_page())
        page.page.goto((folder / "page.html").as_uri())
        page.until("window.loaded", 60)
        yield page
    finally:
        context.close()


@pytest.fixture(scope="module")
def opened(browser: Any, model: PatientModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with shown(browser, model, tmp_path_factory.mktemp("page"), has_touch=True) as page:
        yield page


@pytest.fixture
def page(opened: Page) -> Page:
    opened.page.evaluate("() => { v.onpick(null); v.paint([], 0); v.present('start', 0); }")
    return opened


def ask(page: Page, script: str) -> Any:
    return page.page.evaluate(script)


def picture(page: Page) -> NDArray[np.int64]:
    from PIL import Image

    data = ask(page, "v.snapshot()").split(",")[1]
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").resize((480, 640))
    return np.asarray(image).astype(np.int64)


def inked(pixels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels where anything is drawn on the paper."""
    return np.asarray(np.abs(pixels - PAPER).max(axis=2) > 24)


def mirrored(model: PatientModel) -> PatientModel:
    """The model with left and right exchanged in its places alone, as a wrong sign somewhere would do."""
    length, _ = struct.unpack("<II", model.glb[12:20])
    told, body = json.loads(model.glb[20 : 20 + length]), bytearray(model.glb[28 + length :])
    for mesh in told["meshes"]:
        accessor = told["accessors"][mesh["primitives"][0]["attributes"]["POSITION"]]
        view = told["bufferViews"][accessor["bufferView"]]
        part = np.frombuffer(body, dtype="<i2", count=view["byteLength"] // 2, offset=view["byteOffset"]).reshape(-1, 4).copy()
        part[:, 0] *= -1
        body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]] = part.tobytes()
    return PatientModel(model.glb[: 28 + length] + bytes(body), model.info)


TRUE_SIDES = """() => {
  const wrong = [];
  const looks = (azimuth, key, point, edge) => {
    v.goto({ azimuth_deg: azimuth, elevation_deg: 0, focus_mm: [0, -10, -10], width_mm: 300 }, 0);
    v.snapshot();
    const [x, y] = v.project(point), half = v.eye.size[0] / 2;
    if (v.sides()[edge] !== 'R') wrong.push(`${azimuth}: the letter R is not at the ${edge}`);
    if ((x > half) !== (edge === 'right')) wrong.push(`${azimuth}: ${key} is projected to the wrong side`);
    const middle = (k) => v.model.parts[k].fine.boundingSphere.center.clone().multiplyScalar(0.01);
    const drawn = middle(key).project(v.eye.lens).x;
    if ((drawn > 0) !== (edge === 'right')) wrong.push(`${azimuth}: ${key} is drawn on the wrong side`);
    return v.pick(x, y);
  };
  v.show('whole', 0);
  const ear = (side) => v.info.structures['auricle_' + side].centre;
  if (looks(0, 'auricle_right', ear('right'), 'left') !== 'auricle_right') wrong.push('in front: the right ear is not there');
  if (looks(180, 'auricle_right', ear('right'), 'right') !== 'auricle_right') wrong.push('behind: the right ear is not there');
  v.show('see_through', 0);
  const nerve = v.info.convergence.path_mm[40];
  const found = looks(180, 'greater_occipital_nerve_right', nerve, 'right');
  if (found !== 'greater_occipital_nerve_right') wrong.push('behind: the right nerve is not there');
  return wrong;
}"""


def test_left_and_right_are_true(page: Page) -> None:
    assert ask(page, TRUE_SIDES) == []
    for azimuth, edges in {0: ("R", "L"), 90: ("P", "A"), 180: ("L", "R"), -90: ("A", "P")}.items():
        ask(page, f"v.goto({{azimuth_deg: {azimuth}, elevation_deg: 0}}, 0)")
        sides = ask(page, "v.sides()")
        assert (sides["left"], sides["right"]) == edges


def test_the_right_ear_alone_is_drawn_at_the_left_of_a_face(page: Page) -> None:
    ask(page, "() => { v.goto({ azimuth_deg: 0, elevation_deg: 0 }, 0); v.show({ '*': 0, auricle_right: 1 }, 0); }")
    columns = np.flatnonzero(inked(picture(page)).any(axis=0))
    assert len(columns) > 5 and columns.max() < 200
    ask(page, "v.goto({ azimuth_deg: 180 }, 0)")
    assert np.flatnonzero(inked(picture(page)).any(axis=0)).min() > 280


def test_a_mirrored_model_is_found_out(browser: Any, model: PatientModel, tmp_path: Path) -> None:
    with shown(browser, mirrored(model), tmp_path) as page:
        wrong = ask(page, TRUE_SIDES)
        assert any("drawn on the wrong side" in text for text in wrong) and any("ear is not there" in text for text in wrong)


def test_a_mirrored_camera_is_found_out(page: Page) -> None:
    ask(
        page,
        """() => { const held = v.eye.place;
        v.eye.place = function () { held.call(this); this.lens.projectionMatrix.elements[0] *= -1; }; }""",
    )
    try:
        assert any("drawn on the wrong side" in text for text in ask(page, TRUE_SIDES))
    finally:
        ask(page, "() => { delete v.eye.place; }")
    assert ask(page, TRUE_SIDES) == []


def test_it_loads_quickly_and_nothing_complains(opened: Page, model: PatientModel) -> None:
    assert ask(opened, "window.loaded") < 3000
    assert opened.complaints == []
    assert set(ask(opened, "Object.keys(v.model.parts)")) == set(model.info["structures"])


def test_the_head_is_up_from_everywhere(page: Page) -> None:
    for azimuth in range(-180, 180, 45):
        for tilt in (-1000, 0, 1000):
            ask(page, f"() => {{ v.goto({{ azimuth_deg: {azimuth}, elevation_deg: 0 }}, 0); v.turn(0, {tilt}); }}")
            assert abs(ask(page, "v.camera().elevation_deg")) <= 80
            assert ask(page, "v.project([0, 0, 100])[1] < v.project([0, 0, -100])[1]")
            assert abs(ask(page, "v.project([0, 0, 100])[0] - v.project([0, 0, -100])[0]")) < 1e-6  # no roll


def test_the_camera_goes_the_short_way_round_and_arrives(page: Page) -> None:
    ask(page, "v.goto({ azimuth_deg: 170, elevation_deg: 0 }, 0)")
    passed = ask(
        page,
        """async () => { const seen = []; let busy = true;
        const look = () => { seen.push(v.camera().azimuth_deg); if (busy) requestAnimationFrame(look); }; look();
        await v.goto({ azimuth_deg: -150, elevation_deg: 20, focus_mm: [5, 6, 7], width_mm: 150 }, 0.6);
        busy = false; return seen; }""",
    )
    assert all(abs((a - 190 + 180) % 360 - 180) <= 20.5 for a in passed) and len(passed) > 3
    camera = ask(page, "v.camera()")
    assert camera["azimuth_deg"] == pytest.approx(-150) and camera["elevation_deg"] == pytest.approx(20)
    assert camera["focus_mm"] == [5, 6, 7] and camera["width_mm"] == 150
    middle = ask(page, "v.project([5, 6, 7])")
    assert middle == pytest.approx([240, 320])
    across = np.subtract(ask(page, "v.project([5 + 75 * Math.cos(Math.PI / 6) * -1, 6 + 75 * 0.5, 7])"), middle)
    assert abs(across[0]) == pytest.approx(240, abs=1)  # 150 mm fill the picture's width


def test_what_fades_is_hidden_in_the_end_and_a_covered_inside_is_not_drawn(page: Page) -> None:
    assert ask(page, "v.stats().triangles") < 23_000
    ask(page, "async () => { await v.show({ '*': 0, skin: 0.2, bone: 1, greater_occipital_nerve_right: 1 }, 0.2); }")
    opacity = ask(page, "v.model.opacity")
    assert opacity["axis"] == 1 and opacity["skin"] == 0.2 and opacity["greater_occipital_nerve_left"] == 0
    drawn = ask(page, "Object.values(v.model.parts).filter((p) => p.mesh.visible).map((p) => p.key)")
    assert {"axis", "skin", "greater_occipital_nerve_right"} <= set(drawn) and "auricle_left" in drawn
    ask(page, "async () => { await v.show({ skin: 0 }, 0); }")
    assert not ask(page, "v.model.parts.auricle_left.mesh.visible")
    assert ask(page, "v.model.opacity.axis") == 1  # what is not named stays


def test_clear_skin_shows_what_is_inside_and_still_reads_as_a_head(page: Page) -> None:
    def outline(rule: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        ask(page, f"() => {{ v.goto({{ azimuth_deg: 180, elevation_deg: 0 }}, 0); v.show({rule}, 0); }}")
        pixels = picture(page)
        return pixels, inked(pixels)

    _, whole = outline("'whole'")
    clear, rim = outline("{ '*': 0, skin: 0.15, nerve: 1 }")
    row = 200
    edges = [np.flatnonzero(m[row])[[0, -1]] for m in (whole, rim)]
    assert np.abs(edges[0] - edges[1]).max() <= 4  # the outline is where it was
    yellow = (clear[..., 0] - clear[..., 2] > 70) & (clear[..., 1] - clear[..., 2] > 50)
    assert yellow[:, 250:].sum() > 40 and yellow[:, :230].sum() > 40  # the nerves of both sides
    inside = clear[row, 200:280].mean()
    assert inside > 215  # clear where it faces the viewer


def test_a_painted_region_has_its_colour_on_its_side_alone(page: Page, few: Anatomy) -> None:
    from scenarios.skin_maps import map_middle

    right, left = (map_middle(few, "cluster-headache", side) for side in ("right", "left"))
    ask(page, "v.goto({ azimuth_deg: 0, elevation_deg: 5 }, 0)")
    ask(page, "v.paint([{ name: 'cluster-headache', side: 'right', strength: 1 }], 0)")
    pixels = picture(page)

    def redness(point: Any) -> float:
        x, y = (round(c) for c in ask(page, f"v.project({list(map(float, point))})"))
        near = pixels[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0)
        return float(near[0] / near[1])

    assert redness(right) > 1.5 > 1.35 > redness(left)
    ask(page, "v.paint([], 0)")
    pixels = picture(page)
    assert redness(right) == pytest.approx(redness(left), abs=0.12)


def test_the_needle_ends_at_its_target_and_starts_outside(page: Page, model: PatientModel) -> None:
    tip = """(t) => { v.needle(t); v.snapshot(); const m = v.tools.held; m.updateMatrixWorld(true);
      return m.localToWorld(new THREE.Vector3(0, 0, v.info.needle.length_mm)).toArray(); }"""
    told = model.info["needle"]
    at = {t: np.array(page.page.evaluate(tip, t)) for t in (0.0, 0.5, 1.0)}
    assert np.linalg.norm(at[1.0] - told["tip_mm"]) < 0.01
    way = told["depth_mm"] + told["away_mm"]
    assert np.linalg.norm(at[0.0] - (np.array(told["tip_mm"]) - way * np.array(told["direction"]))) < 0.1
    assert np.linalg.norm(at[0.5] - (at[0.0] + at[1.0]) / 2) < 0.01
    ask(page, "() => { v.present('needle', 0); v.needle(null); }")
    without = picture(page)
    ask(page, "v.needle(0.4)")
    assert (np.abs(picture(page) - without).max(axis=2) > 30).sum() > 300


def test_the_pulse_runs_along_the_way_and_ends_behind_the_eye(page: Page, model: PatientModel) -> None:
    path = np.array(model.info["convergence"]["path_mm"])
    for t in (0.0, 0.25, 1.0):
        ask(page, f"v.convergence({t})")
        assert np.linalg.norm(path - ask(page, "v.tools.bead.position.toArray()"), axis=1).min() < 1.1
    assert np.linalg.norm(np.array(ask(page, "v.tools.bead.position.toArray()")) - path[-1]) < 0.1
    assert ask(page, "v.tools.felt.visible")
    ask(page, "v.convergence(null)")
    assert not ask(page, "v.tools.way.visible")


def test_a_finger_turns_two_make_larger_and_a_touch_tells_what_is_there(page: Page) -> None:
    hand = """(moves) => { const canvas = document.getElementById('c');
      for (const [kind, id, x, y] of moves) canvas.dispatchEvent(new PointerEvent('pointer' + kind, {
        pointerId: id, pointerType: 'touch',
        clientX: x, clientY: y, bubbles: true, button: 0 })); }"""
    before = ask(page, "v.camera()")
    page.page.evaluate(hand, [["down", 1, 200, 300], ["move", 1, 240, 300], ["move", 1, 280, 300], ["up", 1, 280, 300]])
    assert ask(page, "v.camera().azimuth_deg") > before["azimuth_deg"] + 10
    two = [["down", 1, 200, 300], ["down", 2, 260, 300], ["move", 2, 320, 300], ["up", 1, 200, 300], ["up", 2, 320, 300]]
    page.page.evaluate(hand, two)
    assert ask(page, "v.camera().width_mm") == pytest.approx(before["height_mm"] * 480 / 640 / 2, rel=0.05)
    ask(page, "() => { window.told = []; v.onpick((key) => told.push(key)); v.present('start', 0); v.snapshot(); }")
    x, y = ask(page, "v.project(v.info.structures.skin.centre)")
    page.page.touchscreen.tap(x, y)
    page.page.touchscreen.tap(4, 4)
    assert ask(page, "told") == ["skin", None]


def test_the_wheel_makes_larger_within_limits_and_the_page_does_not_scroll(page: Page) -> None:
    page.page.mouse.move(240, 300)
    for _ in range(40):
        page.page.mouse.wheel(0, -400)
    page.page.wait_for_timeout(200)
    assert ask(page, "v.camera().width_mm") == pytest.approx(45)
    assert ask(page, "window.scrollY") == 0


def test_nothing_is_drawn_while_nothing_changes(page: Page) -> None:
    page.page.wait_for_timeout(1500)
    before = ask(page, "v.renderer.info.render.frame")
    page.page.wait_for_timeout(700)
    assert ask(page, "v.renderer.info.render.frame") == before
    ask(page, "v.turn(3, 0)")
    page.page.wait_for_timeout(300)
    assert ask(page, "v.renderer.info.render.frame") > before


def test_a_lost_picture_comes_back(page: Page) -> None:
    good = picture(page)
    ask(page, "() => { window.lose = v.renderer.getContext().getExtension('WEBGL_lose_context'); lose.loseContext(); }")
    page.until("v.stats().lost", 10)
    ask(page, "lose.restoreContext()")
    page.until("!v.stats().lost", 10)
    assert np.abs(picture(page) - good).mean() < 2
    page.complaints.clear()  # the browser itself tells of the loss


def test_with_reduced_motion_the_camera_is_there_at_once(browser: Any, model: PatientModel, tmp_path: Path) -> None:
    with shown(browser, model, tmp_path, "{ reducedMotion: true }", viewport={"width": 900, "height": 300}) as page:
        ask(page, "() => { v.present('nerve', 5); }")
        camera = ask(page, "v.camera()")
        assert camera["azimuth_deg"] == model.info["cameras"]["nerve"]["azimuth_deg"]
        line = model.info["convergence"]["path_mm"][20:100]
        places = [ask(page, f"v.project({p})") for p in line[::10]]
        assert all(0 < x < 900 and 0 < y < 300 for x, y in places)  # a broad low picture still holds what it should


def test_it_turns_smoothly_without_a_graphics_card(browser: Any, anatomy: Anatomy, tmp_path: Path, voxel_cache: Path) -> None:
    """At most 100 ms of two processors' time for a picture of 768 x 1024, which is 20 pictures a second; whoever else is busy."""
    turn = """(count) => new Promise((done) => { const gl = v.renderer.getContext(), px = new Uint8Array(4); let n = 0;
      const step = () => { v.ratio = 1; v.paced = 1e12; v.turn(2, 0); gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, px);
        if (++n < count) requestAnimationFrame(step); else done(v.stats()); }; requestAnimationFrame(step); })"""
    model = patient_model(anatomy, load_scenario("gon-block-landmark"))
    with shown(browser, model, tmp_path, viewport={"width": 768, "height": 1024}) as page:
        for layer in ("whole", "see_through", "calm", "muscles", "deep", "pathway"):
            ask(page, f"() => {{ v.present('start', 0); v.show('{layer}', 0); }}")
            page.page.evaluate(turn, 5)
            took = []
            for _ in range(3):  # the least counts: who else is busy spoils the caches too
                before = busy_ms()
                stats = page.page.evaluate(turn, 15)
                took.append((busy_ms() - before) / 15)
            told = f"{layer}: {min(took):.0f} ms of processor time, {stats['fps']:.0f} a second, load {os.getloadavg()[0]:.1f}"
            assert min(took) <= 100, told


def busy_ms() -> float:
    """Processor time of all programs that this one has started."""
    children: dict[int, list[tuple[int, float]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        rest = text[text.rindex(")") + 2 :].split()
        ticks = 1000 * (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")
        children.setdefault(int(rest[1]), []).append((int(text.split()[0]), ticks))
    total, left = 0.0, [os.getpid()]
    while left:
        for child, ticks in children.get(left.pop(), []):
            total += ticks
            left.append(child)
    return total
