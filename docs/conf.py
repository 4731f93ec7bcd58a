"""How the documentation is built: ``make docs``.  Warnings are errors, and nothing is fetched."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402  beside this file

import pan115kit  # noqa: E402

project = "pan115kit"
author = "The pan115kit developers"
copyright = "The pan115kit developers, MIT licence"
release = version = pan115kit.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated"]
nitpicky = False

html_theme = "pydata_sphinx_theme"
html_title = "pan115kit"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "use_edit_page_button": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"*": [], "tutorials/*": ["sidebar-nav-bs"]}  # a page without pages below it needs no list of them

# Pages are Markdown; a heading of any depth can be linked to.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
# A notebook's own first heading may be followed by any other.
suppress_warnings = ["mystnb.unknown_mime_type"]

# The tutorials are shown as they were kept: they are run by the tests, not by the build.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no remote scripts: a saved panel is a static report

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# What the code says better than a page; written by every build.
GENERATED = HERE / "_generated"
shutil.rmtree(GENERATED, ignore_errors=True)
GENERATED.mkdir()
GENERATED.joinpath("contracts.md").write_text(generate.contracts(ROOT / "pyproject.toml"), "utf-8")
GENERATED.joinpath("states.md").write_text(generate.state_list(), "utf-8")
GENERATED.joinpath("transitions.md").write_text(generate.state_table(), "utf-8")
GENERATED.joinpath("errors.md").write_text(generate.error_tree(), "utf-8")
for picture in generate.PICTURES:
    GENERATED.joinpath(f"{picture}.svg").write_text(generate.state_picture(picture), "utf-8")

# The tutorials stand beside docs/, where `make lab` opens them; the build reads a copy.
TUTORIALS = HERE / "tutorials"
shutil.rmtree(TUTORIALS, ignore_errors=True)
TUTORIALS.mkdir()
for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
    shutil.copyfile(notebook, TUTORIALS / notebook.name)
