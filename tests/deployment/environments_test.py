"""Which environments there are, and what each of them runs."""

from __future__ import annotations

import pytest

from rsp_release.deployment.environments import find_files, read_environments
from rsp_release.exceptions import BlockedError

PHALANX = {
    "environments/Chart.yaml": "name: science-platform\n",
    "environments/values.yaml": "applications: {argocd: true, nublado: no}\n",
    "environments/values-idfdev.yaml": (
        "name: idfdev\nfqdn: data-dev.lsst.cloud\n"
        "applications:\n  nublado: true\n  cm-service: false\n"
    ),
    "environments/values-summit.yaml": (
        "applications:\n  argocd:\n  nublado: off\n  mobu: 'false'\n"
    ),
    "applications/nublado/values-idfdev.yaml": "name: x\n",
}


def test_files_of_the_environments() -> None:
    assert find_files(PHALANX) == (
        "environments/values-idfdev.yaml",
        "environments/values-summit.yaml",
        "environments/values.yaml",
    )


def test_what_is_switched_on() -> None:
    # A template takes a quoted text for true.
    assert {
        each.name: sorted(each.applications)
        for each in read_environments(PHALANX) or ()
    } == {"idfdev": ["argocd", "nublado"], "summit": ["mobu"]}


@pytest.mark.parametrize("paths", [(), ("environments/values.yaml",)])
def test_a_repository_that_does_not_say(paths: tuple[str, ...]) -> None:
    assert read_environments({path: PHALANX[path] for path in paths}) is None


def test_a_broken_file_is_named() -> None:
    texts = {"environments/values-idfdev.yaml": "name: [\n"}
    with pytest.raises(
        BlockedError, match=r"environments/values-idfdev\.yaml: it is no valid"
    ):
        read_environments(texts)
