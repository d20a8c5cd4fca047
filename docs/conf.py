"""Sphinx's settings: documenteer's for user guides, and a little more."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from documenteer.conf.guide import *  # noqa: E402, F403

html_theme_options["external_links"] = []  # noqa: F405
myst_heading_anchors = 3
# The site builds without a network: nothing is looked up elsewhere.
intersphinx_mapping = {}
html_baseurl = ""
