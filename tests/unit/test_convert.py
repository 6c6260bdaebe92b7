"""Args and output: there and back, by the handler's annotations."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, get_type_hints

import attrs
import msgspec
import pytest

from runtime import App, UsageError
from runtime.errors import ArgsInvalid, OutputInvalid, PayloadInvalid

ID = uuid.UUID("0190c0de-0000-7000-8000-000000000001")


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Frame:
    at: datetime
    path: Path
    marks: set[int] = field(default_factory=set)


@attrs.frozen
class Size:
    width: int
    height: int = 1


class Shot(msgspec.Struct):
    frames: list[Frame]
    size: Size


class Point(NamedTuple):
    x: float
    y: float


class Extra(TypedDict, total=False):
    note: str


VALUES: list[tuple[Any, Any]] = [
    (int, 7),
    (float, 0.5),
    (bool, True),
    (str, "ä\n😀"),
    (type(None), None),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)),
    (date, date(2026, 1, 2)),
    (timedelta, timedelta(days=1, microseconds=5)),
    (uuid.UUID, ID),
    (Decimal, Decimal("1.10")),
    (bytes, b"\0\xff"),
    (Path, Path("/a/b c")),
    (PurePosixPath, PurePosixPath("a")),
    (Colour, Colour.RED),
    (Level, Level.HIGH),
    (set[str], {"a", "b"}),
    (frozenset[int], frozenset({1})),
    (tuple[int, str], (1, "a")),
    (tuple[Path, ...], (Path("a"), Path("b"))),
    (list[Size], [Size(1), Size(2, 3)]),
    (dict[str, Decimal], {"a": Decimal(2)}),
    (Mapping[str, int], {"a": 1}),
    (Sequence[int], [1, 2]),
    (Path | None, Path("x")),
    (int | str | None, "a"),
    (Literal["a", "b"], "b"),
    (Frame, Frame(datetime(2026, 1, 1, tzinfo=UTC), Path("p"), {1})),
    (Shot, Shot([Frame(datetime(2026, 1, 1, tzinfo=UTC), Path("p"))], Size(3))),
    (Point, Point(1.5, 2.0)),
    (Extra, {"note": "n"}),
    (Annotated[int, msgspec.Meta(gt=0)], 5),
    (Any, {"any": [1, None, {"x": 1.5}]}),
    (object, [1]),
]


def _handler(annotation: Any) -> Any:
    def take(value: Any) -> Any:
        return value

    take.__annotations__ = {"value": annotation, "return": annotation}
    return App().job(take)


@pytest.mark.parametrize(("annotation", "value"), VALUES, ids=lambda value: str(value)[:40])
def test_a_value_comes_back_as_its_annotation_says(annotation: Any, value: Any) -> None:
    handler = _handler(annotation)

    got = handler.call(handler.new_job(value=value).args)
    output = handler.decode_output(handler.encode_output(value))

    assert got == value
    assert type(got) is type(value)
    assert output == value


def test_without_annotations_values_are_plain_json() -> None:
    handler = App().job(_untyped)

    job = handler.new_job(Path("/a"), when=date(2026, 1, 2))

    assert handler.call(job.args) == ("/a", "2026-01-02", None)


def _untyped(path, when=None, other=None):  # type: ignore[no-untyped-def]
    return path, when, other


def test_a_default_is_the_handlers_very_own() -> None:
    marker: list[int] = [1, 2]

    def take(items: list[int] = marker, path: Path = Path("x"), name: str = None) -> Any:  # type: ignore[assignment]  # noqa: RUF013
        return items, path, name

    handler = App().job(take)

    items, path, name = handler.call("{}")
    assert items is marker
    assert (path, name) == (Path("x"), None)
    assert handler.call('{"name":null}')[2] is None
    assert handler.new_job().args == "{}"


def test_every_form_of_parameter_but_star_args_works() -> None:
    def take(a: int, /, b: int, *, c: int = 3, **others: Path) -> Any:
        return a, b, c, others

    handler = App().job(take)

    assert handler.call(handler.new_job(1, 2, d=Path("x")).args) == (1, 2, 3, {"d": Path("x")})
    assert handler.call(handler.new_job(1, b=2, c=4).args) == (1, 2, 4, {})
    with pytest.raises(ArgsInvalid, match=r"\$\[\.\.\.\]"):
        handler.call('{"a":1,"b":2,"d":5}')


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ("{}", "missing required field `shot`"),
        ('{"shot":{"frames":[],"size":{"width":1}},"x":1}', "unknown field `x`"),
        ('{"shot":{"frames":[],"size":{"width":"1"}}}', r"`\$\.shot\.size\.width`"),
        (
            '{"shot":{"size":{"width":1},"frames":[{"at":"2026-01-01T00:00:00Z","path":3}]}}',
            r"\$\.shot\.frames\[0\]\.path",
        ),
        ("[]", "Expected `object`, got `array`"),
    ],
)
def test_args_that_do_not_fit_are_named_before_the_handler_begins(args: str, told: str) -> None:
    calls = []

    def film(shot: Shot) -> None:
        calls.append(shot)

    with pytest.raises(ArgsInvalid, match=told) as refused:
        App().job(film).call(args)
    assert refused.value.kind == "film"
    assert not calls


def test_an_error_of_the_handler_itself_is_not_taken_for_bad_args() -> None:
    def fail(number: int) -> None:
        raise msgspec.ValidationError("mine")

    with pytest.raises(msgspec.ValidationError, match="mine"):
        App().job(fail).call('{"number":1}')


@pytest.mark.parametrize("annotation", [complex, Callable[[], int], list[range], type, int | Path])
def test_what_json_cannot_give_is_refused_when_the_app_is_prepared(annotation: Any) -> None:
    def take(value: Any) -> None: ...

    take.__annotations__["value"] = annotation
    app = App()
    app.job(take)

    with pytest.raises(UsageError, match=r"take: .*annotation"):
        app.prepare()


def test_annotations_may_name_what_is_defined_further_down() -> None:
    handler = App().job(_early)

    assert handler.call('{"late":{"x":1}}') == Late(1)
    assert get_type_hints(handler)["late"] is Late


def _early(late: Late) -> Late:
    return late


@dataclass
class Late:
    x: int


def test_an_output_is_read_by_the_return_annotation_or_as_plain_json() -> None:
    def typed() -> Size:
        return Size(1)

    def unknown() -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
        return 1

    def silent() -> None: ...

    app = App()
    assert app.job(typed).decode_output('{"width":3}') == Size(3)
    assert app.job(unknown).decode_output('{"width":3}') == {"width": 3}
    assert app.job(silent).encode_output(None) is None
    assert app.handler("silent").decode_output(None) is None
    with pytest.raises(OutputInvalid, match=r"the output of typed: .*width"):
        app.handler("typed").decode_output('{"width":"x"}')
    with pytest.raises(PayloadInvalid, match=r"output at \$\.a"):
        app.handler("typed").encode_output({"a": float("nan")})
