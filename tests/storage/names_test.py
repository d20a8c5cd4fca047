"""What a repository is called, and who still has an old name of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rsp_release.config import Config
from rsp_release.storage.names import compare_names

OLD, NEW = "Org/old.py", "other/new"


@dataclass
class Clone:
    url: str
    remote: str = "up stream"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://github.com/Org/old.py", "https://github.com/other/new"),
        ("https://github.com/org/old.py.git",
         "https://github.com/other/new.git"),
        ("git@github.com:Org/old.py.git", "git@github.com:other/new.git"),
        ("ssh://git@ghe.example:22/Org/old.py/",
         "ssh://git@ghe.example:22/other/new/"),
    ],
)  # fmt: skip
def test_remote_says_the_old_name(url: str, wanted: str) -> None:
    identity = compare_names(Config(), Clone(url), OLD, NEW, 7)
    assert identity.former == (OLD,)
    assert identity.notice == (
        f"up stream still says {OLD}; {NEW} is its name:"
        f" `git remote set-url 'up stream' {wanted}`"
    )


def test_setting_says_the_old_name() -> None:
    config = Config(repository=OLD, sources={"repository": "--repo"})
    identity = compare_names(config, Clone("/srv/x/old.py"), OLD, NEW, 7)
    assert identity.notice == f"--repo still says {OLD}; {NEW} is its name"


def test_other_spelling_is_no_other_name() -> None:
    identity = compare_names(Config(), None, OLD, OLD.upper(), 7)
    assert (identity.name, identity.notice) == (OLD.upper(), None)
