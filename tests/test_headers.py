"""Headers of a mail that are written without the standard library's folding."""

from email.policy import Compat32

from hypothesis import example, given
from hypothesis import strategies as st

from recovery import rendering


@given(value=st.text('aB7 ,;<@=?"é\t', max_size=90))
@example(value="")
@example(value="a" * 71)
@example(value="a " * 40)
def test_a_short_header_leaves_as_the_standard_library_would_write_it(value: str) -> None:
    plain = Compat32(linesep="\r\n")
    assert rendering.HEADERS.clone(linesep="\r\n").fold_binary("Subject", value) == plain.fold_binary("Subject", value)
