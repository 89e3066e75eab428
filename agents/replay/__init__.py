"""Replay for off-policy learners: buffer, cached features, classifiers of dynamics."""

__all__: list[str] = []
