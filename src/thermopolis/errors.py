"""The errors a user meets; each says what, where and how to mend it.

The command line turns every one of them into its message alone (no traceback unless ``--debug``).
"""

from __future__ import annotations


class ThermopolisError(Exception):
    """Base of all errors raised on purpose by thermopolis."""


class ExperimentError(ThermopolisError):
    """A bad experiment file or setting: one line per fault, ``file:line:column: path: what``."""


class ModelError(ThermopolisError, ValueError):
    """Arrays that are no distributions, wrong shapes, unphysical settings: which, where, expected, got."""


class SimulationError(ThermopolisError):
    """A simulation that left the numbers: says step, agent and variable."""


class StoreError(ThermopolisError):
    """Results that can't be read or written: says the path and what to do about it."""
