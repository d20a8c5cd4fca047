"""A deployment repository in the layout of Phalanx, in a few files.

Each application has one of the shapes in which an environment's tag comes
about. All are of the service ``o/n``, which the world in memory releases.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ROWS", "make_phalanx"]

_ON = ("cm", "cm-dev", "prod")

_SHAPES: dict[str, dict[str, str]] = {
    "follows": {"values.yaml": "image: {repository: ghcr.io/o/n, tag: ''}\n"},
    "bare": {},
    "differs": {
        "values.yaml": "image:\n  repository: ghcr.io/o/n\n  tag: null\n",
        "values-cm.yaml": 'image:\n  tag: "0.7.0"  # promoted\n',
        "values-cm-dev.yaml": "image:\n  tag: '0.6.1'\nx: 1\n",
        "values-prod.yaml": "image:\n  tag: 0.6.1\n",
    },
    "partly": {
        "values.yaml": "image: {repository: ghcr.io/o/n, tag: ''}\n",
        "values-cm-dev.yaml": "image: {tag: tickets-DM-1}\n",
        "values-off.yaml": "image: {tag: 9.9.9}\n",
    },
    "everywhere": {
        "values.yaml": "image: {repository: ghcr.io/o/n, tag: v0.3.0}\n",
    },
    "below": {
        "values.yaml": (
            "daemon:\n  image: {repository: ghcr.io/o/n-daemon, tag: ''}\n"
            "cloudsql:\n  image: {repository: gcr.io/x/proxy, tag: 1.38.3}\n"
        ),
        "values-cm.yaml": "daemon: {image: {tag: 0.7.0}}\n",
        "values-cm-dev.yaml": "daemon: {image: {tag: 0.7.0}}\n",
        "values-prod.yaml": (
            "daemon: {image: {tag: 0.7.0}}\ncloudsql: {image: {tag: 1.38.4}}\n"
        ),
    },
    "hinfo": {
        "values.yaml": (
            "hinfo:\n  image: {repository: ghcr.io/o/n}\n"
            "  latiss: {tag: ''}\n  lsstcam: {tag: ''}\n"
            "config: {tag: ''}\n"
        ),
        "values-cm.yaml": (
            "hinfo:\n  latiss: {tag: 0.7.0}\n  lsstcam: {tag: 0.7.0}\n"
        ),
        "values-cm-dev.yaml": (
            "hinfo:\n  latiss: {tag: 0.6.1}\n  lsstcam: {tag: 0.7.0}\n"
        ),
        "templates/d.yaml": (
            "{{ .Values.hinfo.latiss.tag }} {{ .Values.hinfo.lsstcam.tag }}\n"
        ),
    },
    "nulled": {
        "values.yaml": "image: {repository: ghcr.io/o/n, tag: v0.3.0}\n",
        "values-cm.yaml": "image: {tag: null}\n",
        "values-cm-dev.yaml": "image: ~\n",
        "values-prod.yaml": "image: {tag: ''}\n",
    },
    "float": {
        "values.yaml": "image: {repository: ghcr.io/o/n}\n",
        "values-cm.yaml": "image: {tag: 0.5}\n",
        "values-cm-dev.yaml": "x: &t {tag: 0.5}\nimage:\n  <<: *t\n",
        "values-prod.yaml": "t: &t 0.5\nimage: {tag: *t}\n",
    },
    "lists": {
        "values.yaml": "jobs: [{image: {repository: ghcr.io/o/n, tag: 1}}]\n",
        "values-cm.yaml": (
            "jobs:\n- image: {repository: ghcr.io/o/n, tag: 2.0}\n"
        ),
        "values-cm-dev.yaml": "jobs: []\n",
    },
    "parent": {
        "Chart.yaml": (
            "name: parent\ndependencies:\n"
            "- {name: shared, alias: one, repository: file://../../charts/s}\n"
            "- {name: shared, alias: two, repository: file://../../charts/s,"
            " condition: two.enabled}\n"
            "- {name: redis, alias: cache, repository: https://example.org}\n"
            "sources: ['https://example.org/o/n']\nappVersion: 0.1.0\n"
        ),
        "values.yaml": (
            "two: {enabled: false}\n"
            "cache: {image: {repository: docker.io/redis, tag: ''}}\n"
        ),
        "values-cm.yaml": "one: {image: {tag: v2.6.11}}\n",
        "values-cm-dev.yaml": "two: {enabled: true, image: {tag: deploy}}\n",
    },
    "other": {"values.yaml": "image: {repository: nginx, tag: 1.31.3}\n"},
    "common": {
        "values.yaml": "image: {repository: ghcr.io/o/n, tag: ''}\n",
        "values-cm.yaml": "global: {image: {tag: 0.9.0}}\n",
        "templates/d.yaml": (
            "{{ .Values.image.tag | default .Values.global.image.tag }}\n"
        ),
    },
    "switched": {
        "values.yaml": (
            "image: {repository: ghcr.io/o/n, tag: ''}\n"
            "worker:\n  enabled: false\n"
            "  image: {repository: ghcr.io/o/n, tag: 0.2.0}\n"
        ),
        "values-cm.yaml": "worker: {enabled: true}\n",
    },
    "tagged": {
        "Chart.yaml": (
            "name: tagged\ndependencies:\n"
            "- {name: s, repository: file://../../charts/s, tags: [web]}\n"
            "sources: ['https://example.org/o/n']\n"
        ),
        "values.yaml": "tags: {web: false}\n",
        "values-cm.yaml": "tags: {web: true}\n",
    },
    "imports": {
        "Chart.yaml": (
            "name: imports\ndependencies:\n"
            "- name: redis\n  repository: https://example.org\n"
            "  import-values: [defaults]\n"
            "sources: ['https://example.org/o/n']\nappVersion: 0.1.0\n"
        ),
        "values.yaml": "image: {repository: ghcr.io/o/n}\n",
        "values-cm.yaml": "image: {tag: ''}\n",
        "values-prod.yaml": "image: {tag: 0.3.0}\n",
    },
}

ROWS = {
    "follows": "0.1.0",
    "bare": "0.1.0",
    "differs": "0.6.1 cm-dev prod, 0.7.0 cm",
    "partly": "0.1.0 cm prod, tickets-DM-1 cm-dev",
    "everywhere": "v0.3.0",
    "below": "0.7.0",
    "hinfo": "0.7.0 cm cm-dev, 0.6.1 cm-dev, 0.1.0 prod",
    "nulled": "0.1.0",
    "float": "0.5",
    "lists": "2.0 cm, 0.1.0 cm-dev, 1 prod",
    "parent": "2.0.0 cm-dev prod, v2.6.11 cm, deploy cm-dev",
    "parent/sub": "3.0.0 cm cm-dev, 4.2.0 prod",
    "other": "0.1.0 (assumed)",
    "common": "0.1.0 cm-dev prod, 0.9.0 cm",
    "switched": "0.1.0 3 environments, 0.2.0 cm",
    "tagged": "2.0.0",
    "imports": "0.1.0 cm cm-dev (assumed), 0.3.0 prod",
    "nowhere": "",
}
"""What ``fleet`` shows of each."""


def make_phalanx(*only: str) -> Mapping[str, str]:
    """Return path and text of every file.

    Parameters
    ----------
    *only
        The applications that name the service as their source, which all do
        where none is given.
    """
    files = {
        "environments/values.yaml": (
            "applications: {bare: true, follows: false}\n"
        ),
        "environments/values-off.yaml": (
            "name: off\napplications: {bare: false, partly: false}\n"
        ),
        "charts/s/Chart.yaml": (
            "name: shared\nappVersion: 2.0.0\n"
            "sources: ['https://example.org/o/n']\n"
        ),
        "charts/s/values.yaml": "image: {repository: ghcr.io/o/n, tag: ''}\n",
        "applications/parent/charts/sub/Chart.yaml": (
            "name: sub\nappVersion: 3.0.0\n"
            "sources: ['https://example.org/o/n']\n"
        ),
        "applications/parent/charts/sub/values.yaml": (
            "image: {repository: ghcr.io/o/n, tag: ''}\n"
        ),
    }
    for environment in _ON:
        switches = "".join(f"  {name}: true\n" for name in _SHAPES)
        files[f"environments/values-{environment}.yaml"] = (
            f"name: {environment}\nfqdn: {environment}.example.org\n"
            f"applications:\n{switches}"
        )
    for name in (*_SHAPES, "nowhere"):
        where = f"applications/{name}"
        files[f"{where}/Chart.yaml"] = (
            f"name: {name}\nsources: ['https://example.org/o/n']\n"
            "appVersion: 0.1.0\n"
        )
        for path, text in _SHAPES.get(name, {}).items():
            files[f"{where}/{path}"] = text
    files["applications/parent/values-prod.yaml"] = (
        "sub: {image: {tag: 4.2.0}}\n"
    )
    if only:
        for path, text in files.items():
            if path.endswith("Chart.yaml") and path.split("/")[-2] not in only:
                files[path] = text.replace("o/n'", "o/other'")
    return files
