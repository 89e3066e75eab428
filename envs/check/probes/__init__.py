"""One measurement for every parameter: does it do to the running worlds what the domain says?"""

__all__: list[str] = []
