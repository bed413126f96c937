"""What every group of settings has in common."""

from __future__ import annotations

from pydantic import BaseModel, ValidationInfo, field_validator


class Group(
    BaseModel,
    frozen=True,
    extra="forbid",
    validate_default=True,
    allow_inf_nan=False,
    hide_input_in_errors=True,  # the input may be a password
):
    """Base of every group: frozen, and an unknown key is an error."""

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: ValidationInfo) -> object:
        # TOML has no null: an empty text is how a file says "not set".
        name = info.field_name
        unset = name is not None and cls.model_fields[name].default is None
        return None if unset and value == "" else value
