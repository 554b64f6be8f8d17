"""`kvreplay policies`: no two names look the same in the list, and it says where a policy can be used."""

from __future__ import annotations

from kvreplay.simulator.cli.main import main


def listed(capsys) -> dict[str, str]:
    assert main(["policies"]) == 0
    lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def test_every_name_has_a_line_of_its_own(capsys):
    lines = listed(capsys).values()
    assert len(set(lines)) == len(lines)


def test_it_tells_what_a_policy_is_fit_for(capsys):
    lines = listed(capsys)
    assert lines["belady"].endswith("(offline)")
    assert lines["sglang-lfu"].endswith("(eviction=lfu, prefix reading only)")
    assert lines["lru"].endswith("leaves")
    assert main(["policies", "arc"]) == 0
    assert "pages of one size only" in capsys.readouterr().out
