"""Sixty charts, values and Kustomize files in the styles that people use.

Each is a place, a text in which an at sign stands where the value is, and the
value. What stands around it is what an edit may not touch.
"""

from __future__ import annotations

__all__ = ["CHARTS"]

IMAGE = "ghcr.io/lsst-sqre/gafaelfawr"
DIGEST = "sha256:" + "0123456789abcdef" * 4

HEAD = """\
apiVersion: v2
name: gafaelfawr
version: 1.0.0
description: "Identity for a science platform"
home: "https://gafaelfawr.example.org/"
"""
SOURCES = """\
sources:
  - "https://github.com/lsst-sqre/gafaelfawr"
"""
DEPENDENCIES = """\

dependencies:
  - name: "redis"
    version: 1.2.0
    repository: "https://charts.example.org/"
  - name: "redis"
    alias: "redis-ephemeral"
    version: 1.2.0
    repository: "https://charts.example.org/"
"""
NOTES = """\

annotations:
  phalanx.lsst.io/docs: |
    - id: "DMTN-000"
      title: "appVersion: 9.9.9 in a text is no appVersion"
      url: "https://dmtn-000.example.org/"
"""

_APP = "applications/gafaelfawr"
_CHART: list[tuple[str, str]] = [
    # How the value is written, and what stands around it.
    (HEAD + SOURCES + "appVersion: @\n" + DEPENDENCIES + NOTES, "15.4.1"),
    (HEAD + SOURCES + 'appVersion: "@"\n' + DEPENDENCIES, "15.4.1"),
    (HEAD + SOURCES + "appVersion: '@'\n" + NOTES, "15.4.1"),
    (HEAD + "appVersion: @", "15.4.1"),
    (HEAD + 'appVersion: "@"', "15.4.1"),
    (HEAD + "appVersion: @   \n", "15.4.1"),
    (HEAD + "appVersion:    @\n", "15.4.1"),
    (HEAD + "appVersion:\n  @\n", "15.4.1"),
    (HEAD + "appVersion : @\n", "15.4.1"),
    (HEAD + "appVersion: @ # the tag of the image\n", "15.4.1"),
    (HEAD + 'appVersion: "@" # renovate: image=x\n', "15.4.1"),
    (HEAD + "appVersion: @ #\n", "15.4.1"),
    (HEAD + "# appVersion: 1.0.0\nappVersion: @\n", "15.4.1"),
    (HEAD + "appVersion: @\n# appVersion: 1.0.0\n", "15.4.1"),
    ("appVersion: @\n" + HEAD, "15.4.1"),
    ("---\n" + HEAD + "appVersion: @\n", "15.4.1"),
    ("---\n" + HEAD + "appVersion: @\n...\n", "15.4.1"),
    ("%YAML 1.2\n---\n" + HEAD + "appVersion: @\n", "15.4.1"),
    ("\ufeff" + HEAD + "appVersion: @\n", "15.4.1"),
    ("# Copyright\n\n\n" + HEAD + "\n\nappVersion: @\n\n\n", "15.4.1"),
    ((HEAD + "appVersion: @\n" + NOTES).replace("\n", "\r\n"), "15.4.1"),
    ((HEAD + 'appVersion: "@" # x\n').replace("\n", "\r\n"), "15.4.1"),
    ((HEAD + "appVersion: @").replace("\n", "\r\n"), "15.4.1"),
    (HEAD + "appVersion: @\r\n" + NOTES, "15.4.1"),
    (HEAD + "appVersion: &version @\n", "15.4.1"),
    (HEAD + 'appVersion: &version "@" # anchored\n', "15.4.1"),
    (HEAD + "appVersion: !!str @\n", "15.4.1"),
    (HEAD + "appVersion: !!str '@'\n", "15.4.1"),
    (HEAD + '"appVersion": "@"\n', "15.4.1"),
    (HEAD + "'appVersion': @\n", "15.4.1"),
    (HEAD + "? appVersion\n: @\n", "15.4.1"),
    ("{apiVersion: v2, name: x, appVersion: @, type: application}\n", "1.2.0"),
    ('{"apiVersion": "v2", "appVersion": "@", "name": "x"}\n', "1.2.0"),
    ("{\n  apiVersion: v2,\n  appVersion: '@'\n}\n", "1.2.0"),
    (HEAD + "appVersion: @\n", "v15.4.1"),
    (HEAD + 'appVersion: "@"\n', "portal-2026.2.1"),
    (HEAD + "appVersion: @\n", "server-4.2.3"),
    (HEAD + "appVersion: @\n", "15.5.0-rc.1"),
    (HEAD + 'appVersion: "@"\n', "tickets-DM-55549"),
    (HEAD + "appVersion: @\n", "0.42"),
    (HEAD + 'appVersion: "@"\n', "15.4.1+build.7"),
    (HEAD.replace("science", "Šcïençe 🔭") + "appVersion: @\n", "15.4.1"),
    (HEAD + "maintainers: [{name: rra}]\nappVersion: @\n" + NOTES, "15.4.1"),
    (HEAD + "keywords:\n- appVersion\nappVersion: @\n", "15.4.1"),
    (HEAD + "x: {appVersion: 3.0.0}\nappVersion: @\n", "15.4.1"),
    (
        HEAD + "defaults: &d\n  k: v\nappVersion: @\nannotations:\n  <<: *d\n",
        "15.4.1",
    ),
    (HEAD + "description2: >-\n  long\n  text\nappVersion: @\n", "15.4.1"),
    (HEAD + "icon: |+\n  kept\n\n\nappVersion: @\n\n", "15.4.1"),
]

_VALUES: list[tuple[str, str, str]] = [
    (
        f"{_APP}/values.yaml#image.tag",
        (
            f'image:\n  repository: "{IMAGE}"\n\n  # -- Tag\n  tag: "@"\n\n'
            "ingress:\n  host: null\n"
        ),
        "15.4.1",
    ),
    (
        f"{_APP}/values.yaml#frontend.image.tag",
        "image:\n  tag: 15.4.1\nfrontend:\n  image: {repository: x, tag: @}\n",
        "15.4.1",
    ),
    (
        f"{_APP}/values.yaml#containers.1.image",
        "containers:\n- image: redis:7.0.0\n- name: app\n  image: @ # whole\n",
        "15.4.1",
    ),
    (
        f"{_APP}/values.yaml#containers.name=app.tag",
        (
            "containers:\n- {name: other, tag: 1.0.0}\n"
            "-   name: app\n    tag: '@'\n"
        ),
        "15.4.1",
    ),
    (
        f"{_APP}/values.yaml#second.tag",
        "first: {}\n---\nsecond:\n  tag: @\n---\nthird: 1\n",
        "15.4.1",
    ),
    (
        "umbrella/Chart.yaml#dependencies.gafaelfawr",
        HEAD + "dependencies:\n  - name: redis\n    version: 1.2.0\n"
        "  - name: gafaelfawr\n    version: @\n    repository: file://x\n",
        "15.4.1",
    ),
    (
        "umbrella/Chart.yaml#dependencies.gafaelfawr",
        HEAD + "dependencies:\n- version: '@' # first\n  name: gafaelfawr\n",
        "~1.2.0",
    ),
    (
        f"{_APP}/Chart.yaml#version",
        "apiVersion: v2\nname: x\nversion: @\nappVersion: 15.4.1\n",
        "1.0.0",
    ),
    (
        "env/kustomization.yaml",
        f"resources: [../base]\nimages:\n  - name: {IMAGE}\n    newTag: @\n",
        "15.4.1",
    ),
    (
        "env/kustomization.yml",
        (
            f'images:\n- newTag: "@" # pinned\n  name: {IMAGE}\n'
            "- name: redis\n  newTag: 7.0.0\n"
        ),
        "15.4.1",
    ),
    (
        "env/Kustomization",
        f"images:\n- name: app\n  newName: {IMAGE}\n  newTag: @\n",
        "15.4.1",
    ),
    (
        "env/kustomization.yaml",
        f"images:\n- name: {IMAGE}\n  digest: @\nnamespace: x\n",
        DIGEST,
    ),
    (
        "env/kustomization.yaml",
        f"images: [{{name: {IMAGE}, digest: '@'}}]",
        DIGEST,
    ),
]

CHARTS: list[tuple[str, str, str]] = [
    *((_APP, text, old) for text, old in _CHART),
    *_VALUES,
]
"""Place, text with a mark, and the value at the mark."""
