"""Makes the pictures of docs/gallery.md: runs each command line, opens its page in Chromium, takes a screenshot.

python docs/gallery.py [NAME …]        needs playwright and a Chromium; PAGES=DIR keeps the pages
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from cutaway.cli import main

FOLDER = Path(__file__).parent / "gallery"
WIDTH, HEIGHT = 1100, 2000
SENTENCE = "The animal didn't cross the street because it was too tired"

# name: command line, and the part of the page that is shown: its top, width and height in pixels.
SHOTS = {
    "attention": (f'cutaway attention "{SENTENCE}" --link it animal -o attention.html', 120, 1068, 800),
    "generation": (
        'cutaway generate "The capital of France is" --temperature 0.8 --top-p 0.9 --max-new-tokens 12 --trace '
        "-o generation.html",
        *(120, 1068, 620),
    ),
    "lens": ('cutaway lens "The capital of France is" -o lens.html', 490, 760, 720),
    "tokens": (
        'cutaway tokenize "Tokenization is breathtaking, isn\'t it?" -m gpt2-vocab -o tokens.html',
        120,
        800,
        690,
    ),
    "training": ("cutaway train built-in --steps 150 -o training.html", 228, 1068, 400),
    "forecast": (
        'cutaway forecast "$(cutaway data get weather-seattle)/seattle-weather.csv" --horizon 14 -o forecast.html',
        *(120, 1068, 850),
    ),
    "mutations": (
        "cutaway mutate EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVAR -m antiberty -o mutations.html",
        *(450, 1068, 545),
    ),
}


def run(line: str) -> None:
    """Run a command line in this process; raise an error if it fails."""
    if "$(cutaway data get weather-seattle)" in line:
        from cutaway import get_data

        line = line.replace("$(cutaway data get weather-seattle)", str(get_data("weather-seattle").path))
    try:
        main([*shlex.split(line)[1:], "--force"])
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{line} ended with {end.code}") from end


def small(shot: bytes) -> Image.Image:
    """Return a screenshot in 128 colours, which look the same on a page of lines and text."""
    return Image.open(BytesIO(shot)).convert("RGB").quantize(128, dither=Image.Dither.NONE)


def take(tab: Page, page: Path, top: int, width: int, height: int, target: Path) -> None:
    """Save a picture of a page, from `top` on, without the margin at the left."""
    tab.goto(page.as_uri())
    tab.wait_for_load_state("networkidle")
    tab.wait_for_timeout(2000)  # figures inflate their data, then draw
    shot = tab.screenshot(clip={"x": 16, "y": top, "width": width, "height": height})
    small(shot).save(target, optimize=True)


def make(names: list[str]) -> None:
    """Make the pictures of these names."""
    FOLDER.mkdir(exist_ok=True)
    pages = Path(os.environ.get("PAGES") or tempfile.mkdtemp()).resolve()
    os.chdir(pages)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light").new_page()
        for name in names:
            line, *part = SHOTS[name]
            if not (pages / f"{name}.html").exists():
                run(line)
            take(tab, pages / f"{name}.html", *part, FOLDER / f"{name}.png")
            sys.stdout.write(f"{name}.png {(FOLDER / f'{name}.png').stat().st_size / 1000:.0f} kB\n")
        browser.close()


if __name__ == "__main__":
    make(sys.argv[1:] or list(SHOTS))
