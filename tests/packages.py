"""Packages that extend Hindcast, as pip would leave them in a folder: the example, and some that are broken."""

from __future__ import annotations

from pathlib import Path

DICE = Path(__file__).parents[1] / "examples" / "plugin"
ROUTED = """
from fastapi import APIRouter
from actors.parts import Part
router = APIRouter()
@router.get("/v1/weather")
async def weather() -> dict[str, str]:
    return {"weather": "dry"}
@router.get("/v1/weather/storm")
async def storm() -> None:
    raise ZeroDivisionError("as ever")
PART = Part("routed", routes="plug_routed:router")
"""
BROKEN = {
    "lost": "from actors.parts import Part\nPART = Part('lost', routes='plug_nowhere:router')",
    "sunk": "raise RuntimeError('this module was not to be imported')",
    "mute": "from actors.parts import Part\ndef cells(section, within):\n    raise KeyError('no cells today')\n"
    "PART = Part('mute', cells=cells)",
    "again": "from actors.parts import Part\nPART = Part('machine')",
    "vain": "from actors.parts import Part\nPART = Part('vain', defaults={'dashboards': [{'id': 'vain'}]})",
    "poisoned": """
from actors.parts import Part
from actors.topology import CellSpec
class Poisoned:
    name, version, reads, writes = "poisoned", 1, ("clock",), ()
    def initial(self): return 0
    def fold(self, state, batch): raise ZeroDivisionError("as ever")
    def dump(self, state): return b""
    def load(self, data): return 0
PART = Part("poisoned", cells=lambda section, within: [CellSpec("analyzers", Poisoned(), within.tenant)])
""",
    "dry": """
from actors.parts import Part, SourceKind
from events.catalog import SYSTEM_METRICS
class Dry:
    def __init__(self, now): pass
    def open(self, position): return self
    def read(self): raise ConnectionError("the well is dry")
    def close(self): pass
PART = Part("dry", sources=(SourceKind("dry", SYSTEM_METRICS, lambda s, n, w: Dry, standard=True),))
""",
}


def put(folder: Path, name: str, code: str) -> None:
    """A package ``plug-<name>`` of one module, whose entry point is ``PART``."""
    (folder / f"plug_{name}.py").write_text(code)
    about = folder / f"plug_{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plug-{name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[hindcast.parts]\n{name} = plug_{name}:PART\n")
