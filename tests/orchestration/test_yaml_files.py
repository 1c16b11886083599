"""Files of configuration that are hostile, broken or odd: one line, soon, in little
memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration.interpolations import check_interpolations
from oer_pipeline.orchestration.yaml_files import parsed, read_yaml

CONF = Path(__file__).parents[2] / "conf"
SECONDS = 2.0


def bomb(first: str, form: str, levels: int) -> str:
    """Lines `b: ...` that name the one before them several times."""
    lines = [f"v0: {first}"]
    for level in range(1, levels):
        lines.append(f"v{level}: " + form.format(f"v{level - 1}", f"v{level}"))
    return "\n".join(lines)


HOSTILE = {
    "a list bomb": (
        bomb("&v0 [1, 1]", "&{1} [*{0}, *{0}, *{0}, *{0}]", 40),
        "aliases stand for over 100000 values",
    ),
    "a mapping bomb": (
        bomb("&v0 {a: 1}", "&{1} {{a: *{0}, b: *{0}}}", 60),
        "aliases stand for over 100000 values",
    ),
    "a merge bomb": (
        bomb("&v0 {a: 1}", "&{1} {{<<: [*{0}, *{0}, *{0}]}}", 40),
        "aliases stand for over 100000 values",
    ),
    "deep lists": ("a: " + "[" * 100_000, "line 1: nested more than 32 deep"),
    "deep groups": ("a: " + "{a: " * 100_000, "nested more than 32 deep"),
    "deep JSON": ('{"a":' * 100_000, "nested more than 32 deep"),
    "deep blocks": (
        "\n".join(" " * level + "a:" for level in range(2_000)),
        "line 33: nested more than 32 deep",
    ),
    "itself": ("a: &a [1, *a]", "line 1: *a refers to itself"),
    "an alias of nothing": ("a: *b", "*b has no &b before it"),
    "a list": ("- 1", "line 1: found a list; it takes names with values"),
    "a word": ("word", "found 'word'; it takes names with values"),
    "a number as a name": ("1: 2", 'the name 1 is no text; write "1"'),
    "a flag as a name": ("on: 2", 'the name on is no text; write "on"'),
    "a name twice": ("a: 1\nb:\n  c: 1\n  c: 2", "line 4: 'c' is there twice"),
    "a list as a name": ("? [a]\n: 1", "a name is a group or a list"),
    "an alias as a name": ("a: &x b\n*x : 1", "a name is the alias *x"),
    "code": ("a: !!python/object/apply:os.system [ls]", "line 1: the tag tag:yaml"),
    "a tag": ("a: !mine 1", "line 1: the tag !mine; it takes plain values"),
    "1e999": ("a: 1e999", "line 1: 1e999 is no finite number"),
    "infinity": ("a: [.inf]", ".inf is no finite number"),
    "no number": ("a: .nan", ".nan is no finite number"),
    "a long number": ("a: " + "9" * 5_000, "a number of 5000 letters"),
    "two documents": ("a: 1\n---\nb: 1", "a second document; a file has one"),
    "cut off": ("a: [1,", "not YAML: did not find expected node content"),
    "a tab": ("a:\n\t- 1", "line 2: not YAML: found character that cannot start"),
    "a control character": ("a: \x01", "not YAML: control characters are not allowed"),
    "an impossible date": ("a: 2020-13-45", "not YAML: month must be in 1..12"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line_that_names_it(kind: str) -> None:
    text, words = HOSTILE[kind]
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as error:
        parsed(text, "conf/base/a.yml")
    assert time.monotonic() - started < SECONDS
    [line] = str(error.value).splitlines()
    assert line.startswith("conf/base/a.yml")
    assert words in line


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(b"a: \xff")
    with pytest.raises(ConfigurationError, match=r"a.yml: not UTF-8 text, byte 3"):
        read_yaml(file)
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "b.yml")
    file.write_bytes(b" " * (5 * 2**20))
    with pytest.raises(ConfigurationError, match="more than 4194304 bytes"):
        read_yaml(file)


def test_what_a_refusal_says_of_a_secret_file_is_no_secret() -> None:
    text = "token: abcdefgh\nother: [abcdefgh"
    with pytest.raises(ConfigurationError) as error:
        parsed(text, "conf/local/credentials.yml")
    assert "abcdefgh" not in str(error.value)


@pytest.mark.parametrize(
    "path", sorted(CONF.rglob("*.yml")), ids=lambda path: path.name
)
def test_every_file_of_the_project_is_taken_as_it_is(path: Path) -> None:
    assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


LINES = st.sampled_from(
    ["a: 1", "b: &x [1, 2]", "c: *x", "  d: {e: 1e9}", "- 1", "'", "? ", "<<: *x", "${"]
)


@settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.text(max_size=80), st.lists(LINES, max_size=8).map("\n".join)))
def test_any_text_is_taken_or_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        parsed(text, "a.yml")
    except ConfigurationError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({f"v{n}": f"${{v{n + 1}}}${{v{n + 1}}}" for n in range(40)}, "stand for over"),
        (
            {"g0": {"x": 1}}
            | {
                f"g{n}": {"a": f"${{g{n - 1}}}", "b": f"${{g{n - 1}}}"}
                for n in range(1, 30)
            },
            "stand for over 100000 values",
        ),
        (
            {
                f"v{n}": f"${{oc.select:v{n + 1}}}${{oc.select:v{n + 1},0}}"
                for n in range(40)
            },
            "stand for over",
        ),
        ({"a": "${oc.dict.values:a}"}, "a refers to itself"),
        ({"a": {"b": "${.c}${.c}", "c": "${..d}"}, "d": "${a}"}, "refers to itself"),
        ({"a": "${a}"}, "a refers to itself"),
        ({"a": ["${b[0]}"], "b": ["${a[0]}"]}, "refers to itself"),
        ({"a": "${b.${c}}", "c": "d"}, "in the name of another"),
        ({f"v{n}": f"${{v{n + 1}}}" for n in range(5_000)}, "too often"),
    ],
)
def test_interpolations_that_explode_are_refused(told: object, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigurationError, match=words):
        check_interpolations([told], "conf/base, its catalog")
    assert time.monotonic() - started < SECONDS


def test_interpolations_of_globals_that_explode_are_refused() -> None:
    """Each is small, and so is what they take from; all of them are not."""
    told = {f"v{n}": "${globals:big}" for n in range(300)}
    shared = {"big": list(range(1_000)), "small": 1}
    with pytest.raises(ConfigurationError, match="stand for over 100000 values"):
        check_interpolations([told], "conf/base, its catalog", [shared])
    few = {f"v{n}": "${globals:small}" for n in range(300)}
    check_interpolations([few], "conf/base, its catalog", [shared])


def test_interpolations_as_people_write_them() -> None:
    told = {
        "_base": {"type": "json.JSONDataset", "path": "${globals:data}/x"},
        "a": "${_base}",
        "b": {"path": "${_base.path}/${globals:suite,${_base.type}}", "c": "${.path}"},
    }
    check_interpolations([told, {"d": "${a}"}], "conf/base, its catalog")
