"""What off-policy learners share: collecting, replay, cached features, transitions of the source, target networks."""

__all__: list[str] = []
