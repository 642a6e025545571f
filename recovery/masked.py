"""Text that must not show where values are printed: error reports and debug logs print the arguments and contexts of
Django's own frames, where no ``sensitive_variables`` reaches."""


class Secret(str):
    """Used as any text is; its repr is masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[secret]'"
