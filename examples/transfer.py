"""The whole journey from Python: pretrain, transfer with the encoder frozen, and measure what that gained."""

import sim2real

STEPS = 65_536  # on the source; an eighth of them on the target

source = sim2real.pretrain("cartpole_swingup", out="runs/example/source", steps=STEPS)
run = sim2real.transfer(source, "heavy", out="runs/example/heavy", steps=STEPS // 8)
for name, agent in (("zero-shot", source), ("fine-tuned", run)):
    found = sim2real.evaluate(agent, "heavy", episodes=20)
    print(f"{name}: {found.mean:.0f} [{found.interval.low:.0f}, {found.interval.high:.0f}]")
