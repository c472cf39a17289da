"""Names of modes."""


class CBC:
    """Cipher block chaining with an initialization vector of 16 bytes."""

    def __init__(self, initialization_vector):
        if len(initialization_vector) != 16:
            raise ValueError("Invalid IV size (%d) for CBC." % len(initialization_vector))
        self.initialization_vector = bytes(initialization_vector)
