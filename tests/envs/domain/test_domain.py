"""Domain: what is read is what is meant, and what cannot be is refused with what could."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import truncnorm

from envs import PARAMETERS, Domain, EnvsError, Fidelity, make_vec
from envs.domain.distributions import Choice, Constant, LogUniform, Normal, Uniform

CHEAP = Fidelity(integrator="implicitfast", sim_dt=0.004)
FULL: dict[str, Any] = {
    "fidelity": "cheap",
    "parameters": {
        "body_mass": {"scale": {"uniform": [0.7, 1.3]}},
        "dof_damping": [
            {"select": "thigh_joint", "scale": 2.0},
            {"select": ["foot*", "leg_joint"], "add": {"uniform": [0.0, 0.5]}},
        ],
        "gravity": {"set": {"normal": [9.81, 0.2, 9, 10]}},
        "joint_range": {"scale": {"loguniform": [0.8, 1.1]}},
        "action_delay": {"set": {"choice": [0, 1, 2]}},
    },
}
NAMES = (
    "body_mass",
    "dof_damping[thigh_joint]",
    "dof_damping[foot*,leg_joint]",
    "gravity",
    "joint_range",
    "action_delay",
)


def build(parameters: dict[str, Any], name: str = "hopper", **kwargs: Any) -> Any:
    return make_vec(name, num_envs=2, seed=0, num_threads=1, domain={"parameters": parameters, **kwargs})


def test_parse() -> None:
    domain = Domain.parse(FULL, CHEAP)
    assert domain.fidelity == CHEAP
    assert domain.names == NAMES
    assert [(e.operation, e.select) for e in domain.entries[:3]] == [
        ("scale", ("*",)),
        ("scale", ("thigh_joint",)),
        ("add", ("foot*", "leg_joint")),
    ]
    assert [e.distribution for e in domain.entries] == [
        Uniform(0.7, 1.3),
        Constant(2.0),
        Uniform(0.0, 0.5),
        Normal(9.81, 0.2, 9.0, 10.0),
        LogUniform(0.8, 1.1),
        Choice((0.0, 1.0, 2.0)),
    ]


@pytest.mark.parametrize("mapping", [{}, {"parameters": None}, {"fidelity": "nominal", "parameters": {}}, FULL])
def test_to_mapping_reads_back(mapping: dict[str, Any]) -> None:
    domain = Domain.parse(mapping, CHEAP)
    assert Domain.parse(domain.to_mapping()) == domain
    assert Domain.parse(domain.to_mapping()).to_mapping() == domain.to_mapping()


def test_fidelity_is_spelled_out_in_the_mapping() -> None:
    assert Domain.parse(FULL, CHEAP).to_mapping()["fidelity"] == {"integrator": "implicitfast", "sim_dt": 0.004}
    assert Domain().to_mapping() == {"fidelity": "nominal", "parameters": {}}


def test_describe_has_a_row_per_entry() -> None:
    rows = Domain.parse(FULL, CHEAP).describe()
    assert rows[2] == {
        "parameter": "dof_damping",
        "objects": "foot*, leg_joint",
        "operation": "add",
        "distribution": "uniform(0, 0.5)",
        "unit": PARAMETERS["dof_damping"].unit,
    }
    assert [row["distribution"] for row in rows] == [
        "uniform(0.7, 1.3)",
        "2",
        "uniform(0, 0.5)",
        "normal(9.81, 0.2, 9, 10)",
        "loguniform(0.8, 1.1)",
        "choice(0, 1, 2)",
    ]


def test_sample() -> None:
    domain = Domain.parse(FULL, CHEAP)
    values = domain.sample(np.random.default_rng(0), 4000)
    assert values.shape == (4000, 6)
    np.testing.assert_array_equal(values, domain.sample(np.random.default_rng(0), 4000))
    assert (values != domain.sample(np.random.default_rng(1), 4000))[:, 0].all()
    for column, entry in zip(values.T, domain.entries, strict=True):
        low, high = entry.distribution.support()
        assert low <= column.min() <= column.max() <= high
    gravity = truncnorm.mean(-0.81 / 0.2, 0.19 / 0.2, loc=9.81, scale=0.2)
    means = [1.0, 2.0, 0.25, gravity, 0.3 / np.log(1.1 / 0.8), 1.0]
    spread = values.std(axis=0)
    np.testing.assert_array_less(np.abs(values.mean(axis=0) - means), 4 * spread / np.sqrt(4000) + 1e-12)
    correlation = np.corrcoef(values[:, [0, 2, 3, 4, 5]].T) - np.eye(5)
    assert np.abs(correlation).max() < 4 / np.sqrt(4000)
    assert Domain().sample(np.random.default_rng(0), 3).shape == (3, 0)


def test_worlds_draw_what_the_domain_says() -> None:
    env = make_vec("hopper", num_envs=256, seed=0, num_threads=1, domain=FULL)
    env.reset()
    assert tuple(env.parameters) == NAMES
    assert env.physics.substeps == 2
    drawn = env.parameters
    assert 0.7 <= drawn["body_mass"].min() < 0.75 < 1.25 < drawn["body_mass"].max() <= 1.3
    damping = env.worlds.read("dof_damping")
    np.testing.assert_allclose(damping["thigh_joint"], 2.0)
    np.testing.assert_allclose(damping["foot_joint"], 1 + drawn["dof_damping[foot*,leg_joint]"])
    np.testing.assert_allclose(damping["leg_joint"], damping["foot_joint"])
    assert not damping["rootx"].any()  # not selected, so left alone
    np.testing.assert_allclose(env.worlds.read("gravity")["*"], drawn["gravity"])
    np.testing.assert_array_equal(env.worlds.read("action_delay")["foot_joint"], drawn["action_delay"])
    assert set(drawn["action_delay"]) == {0.0, 1.0, 2.0}


def test_selection_touches_nothing_else() -> None:
    env = build({"body_mass": {"select": ["thigh", "f*"], "scale": 2}})
    env.reset()
    ratio = {k: v[0] / env.physics.model.body(k).mass[0] for k, v in env.worlds.read("body_mass").items()}
    assert ratio == pytest.approx({"torso": 1, "thigh": 2, "leg": 1, "foot": 2})


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"paramters": {}}, r"unknown key in domain 'paramters' \(did you mean 'parameters'\?\); valid: fidelity, "),
        ({"parameters": [1]}, r"parameters: expected a mapping from parameter to operation, got \[1\]"),
        (
            {"parameters": {"body_mas": {"scale": 1}}},
            r"unknown parameter 'body_mas' \(did you mean 'body_mass'\?\); valid: action_backlash, .*, wind_z",
        ),
        ({"parameters": {"body_mass": 2}}, r"parameters.body_mass: expected {operation: .*}, got 2"),
        (
            {"parameters": {"body_mass": {"scal": 2}}},
            r"parameters.body_mass: unknown operation 'scal' \(did you mean 'scale'\?\); valid: add, in_time, ",
        ),
        (
            {"parameters": {"body_mass": {"scale": 2, "add": 1}}},
            "body_mass: needs exactly one of set, scale, add, got ",
        ),
        ({"parameters": {"body_mass": [{"select": "foot"}]}}, r"body_mass\[0\]: needs exactly one of set, scale, add"),
        (
            {"parameters": {"body_mass": {"select": 3, "scale": 2}}},
            "parameters.body_mass.select: expected a name, a pattern or a list of them, got 3",
        ),
        ({"parameters": {"body_mass": {"select": [], "scale": 2}}}, r"select: expected a name, .*, got \[\]"),
        ({"parameters": {"body_mass": {"scale": "x"}}}, "parameters.body_mass.scale: expected a number or one of"),
        (
            {"parameters": {"body_mass": [{"scale": 2}, {"scale": 3}]}},
            "parameters.body_mass: given twice; each selection of a parameter may stand once",
        ),
        (
            {"parameters": {"action_delay": {"set": {"uniform": [0, 2]}}}},
            r"action_delay counts control steps; expected an integer or {choice: \[integers\]}, got uniform\(0, 2\)",
        ),
        (
            {"parameters": {"action_delay": {"set": 1.5}}},
            "action_delay: action_delay counts control steps; .*, got 1.5",
        ),
        ({"parameters": {"action_delay": {"set": {"choice": [0, 0.5]}}}}, "expected an integer"),
        ({"fidelity": "cheep"}, r"unknown fidelity 'cheep' \(did you mean 'cheap'\?\); valid: cheap, nominal"),
        ({"fidelity": 3}, "fidelity: expected nominal, cheap or a mapping, got 3"),
        ({"fidelity": {"dt": 0.1}}, "unknown key in fidelity 'dt'.*; valid: cone, .*, sim_dt, solver"),
        ({"fidelity": {"integrator": "RK5"}}, r"unknown fidelity.integrator 'RK5' \(did you mean 'RK4'\?\)"),
        ({"fidelity": {"cone": "round"}}, "unknown fidelity.cone 'round'; valid: elliptic, pyramidal"),
        ({"fidelity": {"sim_dt": -0.1}}, "fidelity.sim_dt: must be a number > 0, got -0.1"),
        ({"fidelity": {"sim_dt": float("nan")}}, "fidelity.sim_dt: must be a number > 0, got nan"),
        ({"fidelity": {"iterations": 0.5}}, "fidelity.iterations: must be an integer > 0, got 0.5"),
        ({"fidelity": {"iterations": True}}, "fidelity.iterations: must be an integer > 0, got True"),
    ],
)
def test_parse_errors(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        Domain.parse(mapping, CHEAP)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"body_mass": {"select": "arm", "scale": 2}},
            r"body_mass\[arm\]: 'arm' matches nothing; valid: torso, thigh, leg, foot, @base$",
        ),
        (
            {"geom_friction": {"select": ["foot_geom", "floor"], "scale": 2}},
            "'floor' matches nothing; valid: torso_geom, ",
        ),
        (
            {"dof_damping": {"select": "hip*", "scale": 2}},
            r"'hip\*' matches nothing; valid: rootx, rootz, .*, foot_joint, @joints$",
        ),
        ({"joint_range": {"select": "rootx", "scale": 2}}, "'rootx' matches nothing; valid: thigh_joint, leg_joint, "),
        ({"actuator_strength": {"select": "motor", "scale": 2}}, "'motor' matches nothing; valid: thigh_joint, "),
        (
            {"body_mass": [{"select": "f*", "scale": 2}, {"select": "foot", "add": 1}]},
            r"body_mass\[foot\]: 'foot' is already set by body_mass\[f\*\]",
        ),
        ({"body_mass": {"set": -1}}, "body_mass: set -1 would make 'torso' range over -1..-1; must be > 0 and finite"),
        ({"body_mass": {"add": {"uniform": [-3, 1]}}}, "body_mass: add .* would make 'leg' range over -0.2"),
        ({"body_mass": {"scale": 0}}, "would make 'torso' range over 0..0; must be > 0 and finite"),
        ({"dof_damping": {"add": -0.1}}, "dof_damping: add -0.1 would make 'rootx' .*; must be >= 0 and finite"),
        ({"geom_friction": {"set": 0}}, "must be > 0 and finite"),
        (
            {"action_delay": {"set": 65}},
            "'thigh_joint' range over 65..65; must be an integer >= 0 and <= 64",
        ),
        ({"observation_delay": {"set": -1}}, "must be an integer >= 0 and <= 64 and finite"),
        ({"action_noise": {"set": -0.1}}, "action_noise: set -0.1 .*; must be >= 0 and finite"),
        (
            {"body_mass": {"scale": {"normal": [1, 0.1]}}},
            r"body_mass: scale normal\(1, 0.1\) is unbounded; must have ends, e.g. {normal: \[mean, sd, low, high\]}",
        ),
        ({"dof_damping": {"scale": {"normal": [1, 0.1, 0.5]}}}, "is unbounded"),
        (
            {"dof_armature": {"select": "root*", "scale": 3}},
            r"dof_armature\[root\*\]: scale 3 changes nothing, as the default is 0; valid: set, add",
        ),
        ({"action_noise": {"scale": {"uniform": [1, 2]}}}, "action_noise: .* changes nothing"),
    ],
)
def test_errors_against_the_model(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        build(parameters)


def test_sim_dt_must_divide_ctrl_dt() -> None:
    message = "fidelity.sim_dt: 0.003 s does not divide ctrl_dt = 0.008 s; valid e.g. 0.008, 0.004, 0.002, "
    with pytest.raises(EnvsError, match=message):
        build({}, fidelity={"sim_dt": 0.003})
    with pytest.raises(EnvsError, match=r"0\.02 s does not divide ctrl_dt = 0\.008 s"):
        build({}, fidelity={"sim_dt": 0.02})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"body_mass": []}, r"parameters\.body_mass: an empty list"),
        ([], "expected a mapping"),
        (False, "expected a map"),
    ],
)
def test_what_says_nothing_is_refused(parameters: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        Domain.parse({"parameters": parameters})
    assert Domain.parse({"parameters": None}) == Domain.parse({"parameters": {}}) == Domain()
