"""What happened, in order, read from the rows: one list of steps for a request, for an email, or for a person.

Reads models and writes nothing. Admin pages and commands print these steps; why a mail did not arrive is
told by ``diagnosis``. Details are as stored: whoever shows them masks the addresses in them. Callers import this
package as ``timelines``.
"""

from recovery.timelines.mailed import of_email, of_request
from recovery.timelines.people import of_person
from recovery.timelines.steps import Party, Step

__all__ = ["Party", "Step", "of_email", "of_person", "of_request"]
