"""Parts: a partition of the policy, loaded by name, all or nothing, with both lists when it does not fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from probes import make_policy_env

from agents import PARTS, PPO, FrozenError, PartsError, parts

torch.set_num_threads(1)  # networks this small are slower on more

SETTINGS: dict[str, Any] = {"encoder": {"widths": [8]}, "policy_head": [6], "value_head": [7], "num_steps": 8}


PPO_PARTS = ("encoder", "value_encoder", "policy_head", "value_head", "log_std")


def make(shared: bool = True, seed: int = 0, obs_dim: int = 4, **settings: Any) -> PPO:
    return PPO(make_policy_env(obs_dim, 2), {**SETTINGS, "shared_encoder": shared, **settings}, seed=seed, device="cpu")


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("widths", [[], [8]])
def test_every_tensor_belongs_to_exactly_one_part(shared: bool, widths: list[int]) -> None:
    policy = make(shared, encoder={"widths": widths}).policy
    owned = [id(tensor) for part in parts.part_names(policy) for tensor in parts.references(policy, [part]).values()]
    everything = [id(tensor) for tensor in [*policy.parameters(), *policy.buffers()]]
    assert len(owned) == len(set(owned))
    assert set(owned) == set(everything)
    own = ("encoder", "policy_head", "value_head", "log_std") if shared else PPO_PARTS
    expected = [name for name in PARTS if name in own]
    assert list(parts.part_names(policy)) == expected


def test_names_begin_with_the_part() -> None:
    names = set(parts.tensors(make().policy))
    assert {"encoder.layers.0.weight", "encoder.normalizer.mean", "value_head.return_scale.var"} <= names
    assert {"policy_head.hidden.0.bias", "policy_head.output.weight", "log_std.value"} <= names
    assert {name.split(".")[0] for name in names} == {"encoder", "policy_head", "value_head", "log_std"}


def test_counts() -> None:
    policy = make().policy
    assert parts.count(policy, "encoder") == 4 * 8 + 8 + 16  # linear, LayerNorm; statistics do not count
    assert parts.count(policy, "policy_head") == 8 * 6 + 6 + 6 * 2 + 2
    assert parts.count(policy, "value_head") == 8 * 7 + 7 + 7 + 1
    assert parts.count(policy, "log_std") == 2
    assert sum(parts.count(policy, p) for p in parts.part_names(policy)) == sum(p.numel() for p in policy.parameters())


def test_loading_a_part_leaves_the_others() -> None:
    source, target = make(seed=0).learn(8 * 8 * 2), make(seed=1)
    before, wanted = parts.digests(target.policy), parts.digests(source.policy)
    names = parts.load(target.policy, parts.tensors(source.policy), ["encoder", "log_std"])
    after = parts.digests(target.policy)
    assert all(name.startswith(("encoder.", "log_std.")) for name in names)
    assert len(names) == len(parts.references(target.policy, ["encoder", "log_std"]))
    assert {part: after[part] for part in ("encoder", "log_std")} == {
        part: wanted[part] for part in ("encoder", "log_std")
    }
    assert {part: after[part] for part in ("policy_head", "value_head")} == {
        part: before[part] for part in ("policy_head", "value_head")
    }


def test_copies_do_not_follow_the_policy() -> None:
    agent = make()
    copies, live = parts.tensors(agent.policy), parts.references(agent.policy)
    with torch.no_grad():
        agent.policy.log_std.add_(1.0)
    assert torch.equal(live["log_std.value"], copies["log_std.value"] + 1.0)


def test_what_does_not_fit_is_listed_and_nothing_is_written() -> None:
    target = make()
    before = parts.digests(target.policy)
    source = parts.tensors(make(seed=1, obs_dim=5).policy)
    source["encoder.layers.9.weight"] = torch.zeros(1)
    source["mystery.tensor"] = torch.zeros(1)
    del source["policy_head.output.bias"]
    with pytest.raises(PartsError) as caught:
        parts.load(target.policy, source)
    message = str(caught.value)
    assert "missing: policy_head.output.bias;" in message
    assert "unexpected: encoder.layers.9.weight, mystery.tensor;" in message
    assert "encoder.layers.0.weight is (8, 5), the policy's is (8, 4)" in message
    assert parts.digests(target.policy) == before


def test_tensors_of_parts_that_are_not_asked_for_may_be_odd() -> None:
    target = make()
    source = {name: t for name, t in parts.tensors(make(seed=1).policy).items() if not name.startswith("value_head")}
    source["value_head.strange"] = torch.zeros(3)
    assert parts.load(target.policy, source, ["policy_head"])
    with pytest.raises(PartsError, match=r"missing: value_head\.hidden\.0\.bias.*unexpected: value_head\.strange"):
        parts.load(target.policy, source, ["value_head"])


def test_frozen_parts_do_not_move() -> None:
    source, target = make(seed=0).learn(8 * 8 * 2), make(seed=1)
    other = parts.tensors(source.policy)
    parts.freeze_part(target.policy, "encoder")
    parts.freeze_part(target.policy, "log_std")
    before = parts.digests(target.policy)
    with pytest.raises(FrozenError, match=r"^encoder, log_std would move, but is frozen: unfreeze_part"):
        parts.load(target.policy, other, ["policy_head", "encoder", "log_std"])
    assert parts.digests(target.policy) == before  # and the head, which may move, has not either
    own = parts.tensors(target.policy, ["encoder"])
    parts.load(target.policy, own, ["encoder"])  # equal bytes are no movement
    own["encoder.normalizer.count"] += 1.0  # buffers count
    with pytest.raises(FrozenError, match=r"^encoder would move"):
        parts.load(target.policy, own, ["encoder"])
    parts.load(target.policy, other, ["policy_head"])
    parts.unfreeze_part(target.policy, "encoder")
    parts.load(target.policy, other, ["encoder"])
    after, wanted = parts.digests(target.policy), parts.digests(source.policy)
    assert all(after[part] == wanted[part] for part in ("encoder", "policy_head"))
    assert after["log_std"] == before["log_std"] != wanted["log_std"]


def test_all_parts_at_once_are_another_agent() -> None:
    source, target = make(seed=0).learn(8 * 8 * 2), make(seed=1)
    parts.freeze_part(target.policy, "encoder")
    parts.load(target.policy, parts.tensors(source.policy))
    assert parts.digests(target.policy) == parts.digests(source.policy)


def test_unknown_parts_name_the_choices() -> None:
    with pytest.raises(
        PartsError, match=r"unknown part 'encoders' .did you mean 'encoder'.*valid: encoder, encoder\.layers"
    ):
        parts.count(make().policy, "encoders")
    with pytest.raises(PartsError, match="unknown part 'value_encoder'"):
        parts.tensors(make().policy, ["value_encoder"])


def test_a_carried_policy_acts_as_its_source() -> None:
    source, target = make(seed=0).learn(8 * 8 * 2), make(seed=1)
    parts.load(target.policy, parts.tensors(source.policy))
    obs = torch.randn((16, 4), generator=torch.Generator().manual_seed(0)).numpy()
    assert (source.predict(obs, deterministic=True)[0] == target.predict(obs, deterministic=True)[0]).all()
    assert source.policy.return_scale.std == target.policy.return_scale.std != 1.0
