"""A section of the configuration: a table of ``profit.toml``.

Strategies declare their parameters as one, next to their code; ``models.settings`` puts them all together.

>>> from pydantic import Field
>>> class Example(Section):
...     "What the example does."
...     patience_s: float = Field(5, gt=0, description="how long it waits")
>>> Example(patience_s=2).patience_s
2.0
>>> Example.model_fields["patience_s"].description
'how long it waits'
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, and it refuses keys it does not know. The fields' descriptions are the comments in ``profit.toml``."""

    #: Defaults are validated too: a whole number that stands for a float becomes one, as it does when it is read.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
