"""MuJoCo: many worlds stepped at once, whose models differ, at a chosen fidelity."""

from .logs import route_messages

__all__: list[str] = []

route_messages()  # before MuJoCo has anything to say
