"""The guided tour: the hands-on, run in order on a real model, as one result."""

from cutaway.guide.lesson import Section, Tour, tour

__all__ = ["Section", "Tour", "tour"]
