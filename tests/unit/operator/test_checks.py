"""What the doctor makes of the facts."""

from dataclasses import replace

import pytest

from broker.operator.checks import examine
from broker.operator.facts import Facts, ServiceFacts, Stream

WELL = Facts(
    version=(7, 0, 15),
    policy="noeviction",
    maxmemory=0,
    used_memory=1 << 20,
    append_only=True,
    snapshots=True,
    skew=0.01,
    refused=[],
    services=[ServiceFacts("shop", workers=2, streams=[Stream("Default", 10, 5, 1.0, 100, [])])],
)


def stream(**changed):
    service = WELL.services[0]
    return replace(WELL, services=[replace(service, streams=[replace(service.streams[0], **changed)])])


def test_nothing_is_found_where_nothing_is_wrong():
    assert examine(WELL) == []
    assert examine(replace(WELL, refused=None, services=[])) == []


WRONG = {
    "an old server": (replace(WELL, version=(6, 2, 1)), "error", "7.0"),
    "a clock that is off": (replace(WELL, skew=-30.0), "warning", "-30.0 s"),
    "eviction": (replace(WELL, maxmemory=1 << 30, policy="allkeys-lru"), "error", "allkeys-lru"),
    "memory that is nearly full": (replace(WELL, maxmemory=1 << 20), "warning", "100%"),
    "no append-only file": (replace(WELL, append_only=False), "warning", "last snapshot"),
    "nothing that is saved": (replace(WELL, append_only=False, snapshots=False), "warning", "everything"),
    "rights that are missing": (replace(WELL, refused=["EVAL"]), "error", "EVAL"),
    "keys that stay": (replace(WELL, without_ttl=["k1", "k2", "k3", "k4"]), "warning", "4 keys"),
    "dead letters": (replace(WELL, services=[ServiceFacts("shop", workers=1, dead=3)]), "warning", "3 dead letters"),
    "no worker": (
        replace(WELL, services=[ServiceFacts("shop", streams=[Stream("Default", 7, 0, 0.0, 100, [])])]),
        "error",
        "7 calls wait",
    ),
    "orphans": (stream(orphans=["gone-1"]), "warning", "1 lost workers"),
    "a stale entry": (stream(oldest_idle=3600.0), "warning", "3600 s ago"),
    "a backlog that is nearly full": (stream(length=90), "warning", "90 of at most 100"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_with_its_fix(what):
    facts, level, part = WRONG[what]
    [finding] = examine(facts)

    assert finding.level == level
    assert part in finding.what
    assert finding.fix


def test_errors_come_first():
    facts = replace(WELL, append_only=False, refused=["EVAL"])

    assert [finding.level for finding in examine(facts)] == ["error", "warning"]
