"""What came out: success or a cause of failure, sizes, shapes, and the evidence that they rest on."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, ModelWrapValidatorHandler, ValidationInfo, model_validator

from closedloop.recipes.bounds import LARGEST_SEEN_NM, SMALLEST_SEEN_NM
from closedloop.recipes.fields import READ_ONLY, Finite, Fraction, Frozen, NonNegative, Positive, Whole


class Shape(StrEnum):
    """The eleven shape classes of Gu et al. (ACS Nano 2025, 19, 39025), in the order of their ``shapes_list.txt``."""

    IRREGULAR = "irregular"
    CUBE = "cube"
    FLOWER = "flower"
    FOUR_POINTED_STAR = "four-pointed star"
    HEXAGON = "hexagon"
    RECTANGLE = "rectangle"
    RHOMBUS = "rhombus"
    ROD = "rod"
    SIX_POINTED_STAR = "six-pointed star"
    SPHERE = "sphere"
    TRIANGLE = "triangle"


class CauseKind(StrEnum):
    """Whose fault a failure is; only chemistry teaches the model that a recipe does not work."""

    CHEMISTRY = "chemistry"
    EQUIPMENT = "equipment"
    MEASUREMENT = "measurement"
    ABANDONED = "abandoned"


class FailureCause(StrEnum):
    """Why an experiment gave no usable product."""

    NOTHING_FORMED = "nothing formed"
    BULK_PRECIPITATE = "bulk precipitate"
    TOO_POLYDISPERSE = "too polydisperse"
    WRONG_SHAPE = "wrong shape"
    WRONG_PRODUCT = "wrong product"
    CHEMISTRY_UNSPECIFIED = "chemistry, unspecified"
    INTERRUPTED = "interrupted"
    BLOCKED = "blocked"
    OVER_TEMPERATURE = "over-temperature"
    NO_IMAGE = "no image"
    UNREADABLE_SCALE = "unreadable scale"
    TOO_FEW_PARTICLES = "too few particles"
    ABANDONED = "abandoned"

    @property
    def kind(self) -> CauseKind:
        return _KINDS[self]


_KINDS = {
    **dict.fromkeys(
        (
            FailureCause.NOTHING_FORMED,
            FailureCause.BULK_PRECIPITATE,
            FailureCause.TOO_POLYDISPERSE,
            FailureCause.WRONG_SHAPE,
            FailureCause.WRONG_PRODUCT,
            FailureCause.CHEMISTRY_UNSPECIFIED,
        ),
        CauseKind.CHEMISTRY,
    ),
    **dict.fromkeys(
        (FailureCause.INTERRUPTED, FailureCause.BLOCKED, FailureCause.OVER_TEMPERATURE), CauseKind.EQUIPMENT
    ),
    **dict.fromkeys(
        (FailureCause.NO_IMAGE, FailureCause.UNREADABLE_SCALE, FailureCause.TOO_FEW_PARTICLES),
        CauseKind.MEASUREMENT,
    ),
    FailureCause.ABANDONED: CauseKind.ABANDONED,
}
_WITHOUT_THE_PRODUCT = (FailureCause.NOTHING_FORMED, FailureCause.WRONG_PRODUCT)


class Method(StrEnum):
    """How an outcome was learned, from the weakest evidence to the strongest (see `Evidence.rank`)."""

    ABSORBANCE = "absorbance"
    SCATTERING = "x-ray scattering"
    PUBLISHED = "published"
    TEM = "tem"
    TEM_CORRECTED = "tem, corrected by a person"


class Evidence(Frozen):
    """What an outcome rests on: the method, and where the raw data lie."""

    method: Method
    files: tuple[str, ...] = ()
    recorded_at: AwareDatetime | None = None
    note: str | None = None

    @property
    def rank(self) -> int:
        """Evidence of a higher rank supersedes evidence of a lower one; of equal rank, what was added last."""
        return list(Method).index(self.method)

    def supersedes(self, other: "Evidence") -> bool:
        """Whether this holds where it was added after ``other``. ``recorded_at`` decides nothing: a clock may be put
        back."""
        return self.rank >= other.rank


# Context of validation: what a store wrote down is read again, whatever rules came later.
_KEPT = object()


class Outcome(Frozen):
    """What is known of the product; sizes are equivalent circle diameters in nm, ``None`` is unknown.

    ``size_error_nm`` is the standard error of ``size_nm`` from all but the counting of so many particles: of how they
    were told apart and outlined, or of a fit. ``success`` is ``None`` where an experiment says nothing about the
    chemistry (a blocked syringe, no image). ``observables`` holds further measured values under names that carry their
    unit (``absorbance_peak_nm``).
    """

    success: bool | None = None
    failure_cause: FailureCause | None = None
    size_nm: Positive | None = None
    size_std_nm: NonNegative | None = None
    # Left out where nobody states it: digests of outcomes from before there was such a field stay as they were.
    size_error_nm: NonNegative | None = Field(default=None, exclude_if=lambda value: value is None)
    particle_count: Annotated[Whole, Field(ge=0)] | None = None
    shape: Shape | None = None
    shape_fractions: Annotated[Mapping[Shape, Fraction], *READ_ONLY] = Field(
        default_factory=dict, validate_default=True
    )
    observables: Annotated[Mapping[str, Finite], *READ_ONLY] = Field(default_factory=dict, validate_default=True)
    evidence: Evidence | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _shows_what_it_counted(
        cls, written: Any, validate: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        made = validate(written)
        is_new = not isinstance(written, cls) and info.context is not _KEPT
        if is_new and made.particle_count == 0 and (made.success or made.size_nm is not None):
            what = "a success" if made.success else "a size"
            raise ValueError(f"{what} cannot have a particle count of 0; leave the count out if nobody counted")
        return made

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.success and self.failure_cause:
            raise ValueError(f"a success cannot have a failure cause ({self.failure_cause}); leave one of them out")
        if self.failure_cause and self.failure_cause.kind is CauseKind.CHEMISTRY and self.success is None:
            raise ValueError(f"{self.failure_cause.value!r} is a chemical failure; set success to false")
        if self.failure_cause and self.failure_cause.kind is not CauseKind.CHEMISTRY and self.success is False:
            raise ValueError(
                f"{self.failure_cause.value!r} says nothing about the chemistry; leave success unknown (empty, null)"
            )
        total = sum(self.shape_fractions.values())
        if total > 1 + 1e-6:
            raise ValueError(f"shape fractions add up to {total:.3f}; they may reach 1 at most")
        return self

    @classmethod
    def kept(cls, written: Mapping[str, Any]) -> Self:
        """As a store wrote it down, also where a count of 0 stands beside a success, which was once allowed."""
        return cls.model_validate(written, context=_KEPT)

    @property
    def beyond_measure(self) -> str | None:
        """Which number is none that a microscope could have seen, in words; ``None`` where all can be true."""
        for name in ("size_nm", "size_std_nm", "size_error_nm"):
            value = getattr(self, name)
            if value is not None and (value > LARGEST_SEEN_NM or (name == "size_nm" and value < SMALLEST_SEEN_NM)):
                return f"{name} is {value:g} nm"
        return None

    @property
    def relative_spread(self) -> float | None:
        """Standard deviation over mean of the size distribution, without unit."""
        if self.size_nm is None or self.size_std_nm is None:
            return None
        return self.size_std_nm / self.size_nm

    @property
    def main_shape(self) -> Shape | None:
        """The shape as stated, or else that of more than half of the particles."""
        if self.shape is not None:
            return self.shape
        return next((shape for shape, share in self.shape_fractions.items() if share > 0.5), None)

    @property
    def is_spoiled(self) -> bool:
        """Whether equipment, a measurement or a person ended it, so that it says nothing about the recipe."""
        return self.failure_cause is not None and self.failure_cause.kind is not CauseKind.CHEMISTRY

    @property
    def learnable_size_nm(self) -> float | None:
        """The size to learn from and be judged by: not of a spoiled run, nor of anything but the recipe's product.

        What was measured where nothing formed (a seed, dirt, an amorphous speck) is no size of the product.
        """
        return self.size_nm if self._is_of_the_recipe else None

    @property
    def learnable_shape(self) -> Shape | None:
        """The shape to learn from, as `learnable_size_nm`."""
        return self.main_shape if self._is_of_the_recipe else None

    @property
    def _is_of_the_recipe(self) -> bool:
        return not self.is_spoiled and self.failure_cause not in _WITHOUT_THE_PRODUCT

    @property
    def is_negative_example(self) -> bool:
        """Whether the model may learn from this that the recipe does not work."""
        return self.success is False
