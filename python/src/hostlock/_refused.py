"""hostlock's verdict as the exception that programs for pyOpenSSL catch."""

from __future__ import absolute_import

from OpenSSL import SSL

from ._errors import add_facts, native

MYPY = False
if MYPY:
    from ._errors import Facts


class Refused(SSL.Error):  # type: ignore[misc]
    """Its argument is a list of OpenSSL's, as programs take it apart; its text is hostlock's line."""

    def __str__(self):
        # type: () -> str
        return "certificate verify failed: " + native(self.hostlock.message)


# As programs know it, in tracebacks too.
Refused.__name__ = Refused.__qualname__ = "Error"
Refused.__module__ = SSL.Error.__module__


def refused(facts):
    # type: (Facts) -> SSL.Error
    """An exception of its own."""
    error = Refused()
    become_refused(error, facts)
    return error


def become_refused(error, facts):
    # type: (SSL.Error, Facts) -> None
    """Puts hostlock's reason into an exception that pyOpenSSL raised."""
    error.__class__ = Refused
    error.args = ([("hostlock", "", native(facts.message)), ("SSL routines", "", "certificate verify failed")],)
    add_facts(error, facts)
