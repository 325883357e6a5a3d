from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("meshes", "scenarios", "sim")
HEAVY = (
    "numpy",
    "scipy",
    "pymeshlab",
    "pyvista",
    "vtk",
    "vtkmodules",
    "trimesh",
    "potpourri3d",
    "pydantic",
    "PIL",
    "rich",
    "numba",
    "av",
    "pymust",
    "trame",
    "aiohttp",
    "playwright",
    "reportlab",
    "distributed",
    "dask",
    "nibabel",
    "requests",
)
MOST_LINES = 400

# Every module has its place; it may import only what stands before it.
ORDER_TEXT = """
meshes._check meshes.exports.gltf_file meshes.library_lock meshes.importing meshes.importing.raw meshes.importing.limits
meshes.importing.rights meshes.importing.stl_ply meshes.importing.unpacking meshes.importing.gltf meshes.importing.label_tables
meshes.importing.obj meshes.importing.vtk_legacy meshes.importing.volumes meshes.importing.vtk_xml meshes.exports
meshes.exports.files meshes.markups meshes.points meshes.atlas_files meshes.courses meshes.terms meshes.importing.naming
meshes.importing.mapping meshes.references meshes.frames meshes.curves meshes.fields meshes.paths meshes.charts meshes.model
meshes.real_parts meshes.real_sutures meshes.exports.request meshes.exports.glb meshes.exports.stl meshes.exports.vtk_scene
meshes.archive meshes.atlas_download meshes.library meshes meshes.contour meshes.sheets meshes.sweeps meshes.blades
meshes.surface meshes.voxels meshes.parts meshes.face meshes.ear meshes.skin meshes.subcutis meshes.hair meshes.skull_charts
meshes.skull_hollows meshes.skull_shapes meshes.skull_teeth meshes.skull meshes.mandible meshes.hyoid meshes.levels
meshes.vertebral_body meshes.vertebra meshes.atlas_axis meshes.spine meshes.nodes meshes.girdle meshes.brainstem meshes.canal
meshes.ligaments meshes.muscle_recipes meshes.neck_muscles meshes.head_muscles meshes.sections meshes.landmarks meshes.measure
meshes.nerve_measures meshes.passage meshes.metrics meshes.maps meshes.real_fit meshes.importing.orientation
meshes.real_landmarks_inion meshes.real_landmarks_fits meshes.warp meshes.real_landmarks meshes.real_map meshes.bends
meshes.carry meshes.real_dress meshes.importing.pieces meshes.importing.holes meshes.importing.sides meshes.real_cut
meshes.real_plausible meshes.real_cover meshes.fat meshes.bulk meshes.importing.labels meshes.importing.reading meshes.fitting
meshes.given meshes.nape meshes.routes meshes.healing meshes.importing.mending meshes.importing.understanding meshes.compare
meshes.reference_adult meshes.person_fit meshes.contacts meshes.compiled meshes.nearest_line meshes.tubes meshes.nerves
meshes.vessels meshes.artery_routes meshes.winding meshes.yielding meshes.variants meshes.course_checks meshes.real_seating
meshes.real_anatomy meshes.importing.courses meshes.real_bounds meshes.real_correct meshes.atlas_install meshes.patient
meshes.population meshes.build meshes.volume meshes.splat meshes.volume_build meshes.exports.labels meshes.exports.write
meshes.volume_store meshes.strands
scenarios scenarios.explain_claims scenarios.explain_texts scenarios.locate scenarios.faults scenarios.table_faults
scenarios.basics scenarios.products scenarios.model scenarios.schema scenarios.selection scenarios.wording scenarios.sites
scenarios.skin_chart scenarios.skin_maps scenarios.measured scenarios.checks scenarios.loader scenarios.rules
scenarios.occipital scenarios.population_checks scenarios.site_checks scenarios.preempt scenarios.validate
scenarios.procedure_model scenarios.procedure_files scenarios.target_places scenarios.target_rules scenarios.targets
sim.tables sim.picture_shown sim.commands.import_options sim.import_report sim.commands.landmarks_options sim.landmark_rows
sim.kept_arrays sim.batch.files sim.batch.plan_model sim.batch.voxels sim.explain sim.explain.model_glb sim.explain.model_paths
sim.explain.model_scripts sim.explain.page_plan sim.films sim.map_room sim.palette_checks sim.paper_tags sim.batch.people
sim.batch.reading sim.batch sim.release sim.cutting sim.filling sim.picture sim.cameras sim.explain.model_cameras
sim.films.easing sim.explain.model_steps sim.films.script sim.theme sim.films.layers sim.anatomies sim.ultrasound
sim.ultrasound.rules sim.ultrasound.tissues sim.ultrasound.probes sim.ultrasound.image sim.ultrasound.poses
sim.ultrasound.pose_rules sim.ultrasound.placing sim.ultrasound.settings sim.ultrasound.geometry sim.ultrasound.spread
sim.ultrasound.scatterers sim.ultrasound.scene sim.ultrasound.pulse sim.ultrasound.medium sim.ultrasound.beams
sim.ultrasound.splat sim.ultrasound.forming sim.ultrasound.scatter sim.ultrasound.echoes sim.ultrasound.needle_echo
sim.ultrasound.bone_edges sim.ultrasound.frame sim.ultrasound.doppler sim.ultrasound.scanner sim.ultrasound.aiming
sim.ultrasound.phantoms sim.ultrasound.checks_tools sim.ultrasound.checks_speckle sim.ultrasound.checks_beam
sim.ultrasound.checks_levels sim.ultrasound.checks_geometry sim.ultrasound.checks_angles sim.ultrasound.checks_needle
sim.ultrasound.checks_behaviour sim.ultrasound.checks sim.places sim.skin_paint sim.scanning sim.procedures
sim.explain.page_side sim.hair sim.compose sim.scans sim.batch.plan sim.films.kinds sim.batch.items sim.batch.ultrasound
sim.marks sim.shading sim.sutures sim.stage sim.canvas sim.hidden_paths sim.lettering sim.credit_strip sim.paper_text sim.paper
sim.paper_trial sim.handout_flow sim.map_signs sim.paper_tables sim.handout_blocks sim.page sim.labels sim.ink sim.finishing
sim.vector_plate sim.vector_pdf sim.vector_svg sim.anchors sim.overlay sim.films.furniture sim.ultrasound.colours
sim.ultrasound.readout sim.ultrasound.screen_layout sim.ultrasound.outlines sim.ultrasound.boxes sim.ultrasound.naming
sim.ultrasound.screen sim.insets sim.stills sim.landmark_sheet sim.figure_panels sim.films.casting sim.films.names sim.gallery
sim.paper_files sim.plates sim.figures sim.map_views sim.map_board sim.map_notes sim.map_sheet sim.film_files sim.sonoanatomy
sim.reference_atlas sim.sheet_layers sim.sheets sim.import_preview sim.training sim.training.actions sim.training.state
sim.record_lines sim.record_xapi sim.record_store sim.records sim.record_exports sim.training.tubes sim.training.truth
sim.training.barriers sim.training.pressing sim.training.trial_events sim.training.trial_shared sim.training.world
sim.training.trial_path sim.training.metrics_attempt sim.training.spread sim.training.metrics_needle sim.training.metrics_sites
sim.training.critical sim.training.cusum sim.training.palpation sim.training.trial_image sim.training.trial_probe
sim.training.trial_needle sim.training.trial_product sim.training.trial sim.training.metrics_image sim.training.metrics_motion
sim.training.metrics sim.training.moves sim.training.runs sim.training.reference sim.training.scoring sim.training.scripted_hand
sim.training.scripted_prepare sim.training.scripted_view sim.training.scripted_scan sim.training.scripted_needle
sim.training.scripted_sites sim.training.scripted_expert sim.training.scripted_novice sim.training.scripted sim.landmark_effects
sim.debrief sim.debrief.html sim.explain.page_parts sim.explain.page_articles sim.explain.page_frame sim.explain.page_pictures
sim.explain.page_scan sim.debrief.charts sim.debrief.moments sim.debrief.overlay sim.app.scene.vtk sim.films.actors
sim.films.ultrasound sim.films.window sim.films.frames sim.app.scene.sight sim.app.scene.bake sim.explain.model_surfaces
sim.explain.model_store sim.explain.page_sight sim.explain.page_views sim.app.scene.store sim.app.scene.model
sim.app.scene.parts sim.explain.model_tools sim.explain.model_maps sim.explain.model sim.explain.page sim.handout_figure
sim.handout sim.app.local_scene sim.app.scene.actors sim.app.scene.stamps sim.app.scene.window sim.app.scene.eye
sim.app.scene.bones sim.app.scene.live sim.app.pictures sim.app.shelf sim.debrief.timeline sim.debrief.parts sim.app.showing
sim.debrief.pictures sim.debrief.scores sim.debrief.sites sim.debrief.page sim.app sim.app.cursor sim.app.messages sim.app.local
sim.app.local_link sim.app.telling sim.app.session sim.app.seat sim.app.instructor sim.app.server sim.app.notebook sim.app.scene
sim.app.window sim.app.window.asks sim.app.window.draw sim.app.window.hands sim.app.window.layout sim.app.window.cards
sim.app.window.panel sim.app.window.scan sim.app.window.frame sim.app.window.pointer sim.app.window.screen sim.app.window.talk
sim.app.window.trainer sim.app.window.view sim.app.window.corrections sim.app.window.landmark_marks
sim.app.window.landmark_panel sim.app.window.landmark_frame sim.app.window.landmark_saving sim.app.window.landmark_desk
sim.app.window.landmarks sim.rendering sim.batch.pictures sim.batch.work sim.progress sim.doctor sim sim.commands
sim.commands.faults sim.commands.import_landmarks sim.commands.anatomy_option sim.commands.atlas sim.batch.cluster sim.batch.run
sim.commands.bench_batch sim.commands.held_records sim.commands.sizes sim.commands.render sim.commands.import_
sim.commands.export sim.commands.landmarks_view sim.commands.landmarks sim.commands.batch sim.commands.explain
sim.commands.movie sim.commands.sheets sim.commands.listing sim.commands.reference sim.commands.population sim.commands.physics
sim.commands.validate sim.commands.scan sim.commands.training_options sim.commands.product_options sim.commands.reference_runs
sim.commands.view sim.commands.bench_app sim.commands.serve sim.commands.train sim.commands.build sim.commands.doctor
sim.commands.bench_simus sim.commands.bench_ultrasound sim.commands.bench sim.cli sim.__main__
"""
ORDER = tuple(ORDER_TEXT.split())


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "__pycache__" not in p.parts)
MODULES = {module_of(p) for p in SOURCES}


def imports_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the module of every import, nested ones too; `from a import b` is `a.b` where that is a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node.lineno, whole if whole in MODULES else str(node.module)


def upward(module: str, text: str) -> list[str]:
    """Return every import that goes against the order."""
    rank = {name: i for i, name in enumerate(ORDER)}
    ours = [(line, name) for line, name in imports_of(text) if name.split(".")[0] in PACKAGES]
    return [f"{module}:{line} imports {name}" for line, name in ours if rank.get(name, len(ORDER)) >= rank[module]]


def test_every_module_has_a_place() -> None:
    assert sorted(MODULES) == sorted(ORDER)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_down(path: Path) -> None:
    assert not upward(module_of(path), path.read_text("utf-8"))


def test_an_upward_import_is_found_even_inside_a_function() -> None:
    planted = "def f():\n    from sim import cli\n    import meshes.model\n"
    assert upward("scenarios.loader", planted) == ["scenarios.loader:2 imports sim.cli"]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("statement", ["import sim", "import sim.cli", "import meshes, scenarios"])
def test_importing_brings_in_nothing_heavy(statement: str) -> None:
    code = f"import sys; {statement}; print(*sorted({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_front_door_has_what_the_design_promises() -> None:
    import sim

    for name in sim.__all__:
        assert getattr(sim, name) is not None
    assert set(dir(sim)) >= {
        "load_anatomy",
        "load_scenario",
        "render",
        "medial_third_point",
        "preempt_sites",
        "Patient",
        "Anatomy",
    }
    with pytest.raises(AttributeError, match="lod_anatomy"):
        sim.lod_anatomy  # noqa: B018
