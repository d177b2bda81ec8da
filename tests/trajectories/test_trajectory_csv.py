"""CSV downloads: whole in the csv module, in Arrow and in a workbook, where no cell is a formula."""

from __future__ import annotations

import csv
import io

import pyarrow.csv
import pytest
import tablib
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from export_files import Json, whole
from whetstone.ids import new_id
from whetstone.trajectories.exports.csv_text import csv_text
from whetstone.trajectories.exports.export import export
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

HEADER = (
    "trajectoryId,agentId,source,status,startTime,endTime,durationMs,scenarioId,batchId,stepCount,llmCallCount,"
    "providerAccessCount,promptTokens,completionTokens,cacheReadInputTokens,cacheCreationInputTokens"
)
COLUMNS = HEADER.split(",")

_DANGEROUS = "=+-@|%\uff1d\uff0b\uff0d\uff20"

FORMULAS = [
    '=cmd|"x",1',
    "@sum",
    "+1",
    "-1+1",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\u200b=1",
    "\ufeff=1",
    "\u00a0=1",
    "\uff1d1+1",
    "\uff20sum",
    "|calc",
    "%0A=1",
    '"=1',
    "'=1",
    "x;=1+1",
    "x\t@sum",
    "x\n=1+1",
    'x";=1+1',
]


async def text_of(records: list[Json]) -> str:
    async def each() -> object:
        for record in records:
            yield record

    return b"".join([chunk async for chunk in csv_text(each())]).decode()  # type: ignore[arg-type]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


async def test_columns_and_lines(store: TrajectoryStore) -> None:
    call = {"promptTokens": 11, "cacheReadInputTokens": 3}
    whole_one = {"id": "t-1", "llmCalls": [call], "startTime": 1000, "endTime": 2500, "scenarioId": "s"}
    active = {"id": "t-2", "agentId": "@sum", "source": "two\r\nlines", "startTime": 1000}
    await store.add([TrajectoryInput.model_validate(value) for value in (whole_one, active)])
    made = export(store, "csv", TrajectoryFilter(), True)
    text = (await whole(made)).decode()
    assert text.split("\n")[0] == HEADER
    assert not text.endswith("\n")
    first, second = sorted(rows_of(text), key=lambda row: row["trajectoryId"])
    assert (first["durationMs"], first["promptTokens"], first["cacheReadInputTokens"]) == ("1500", "11", "3")
    assert (first["scenarioId"], first["batchId"]) == ("s", "")
    assert (second["agentId"], second["source"], second["endTime"]) == ("'@sum", "two\r\nlines", "")


async def test_nothing_to_export_is_a_header(store: TrajectoryStore) -> None:
    made = export(store, "csv", TrajectoryFilter(), True)
    assert (await whole(made)).decode() == HEADER


@pytest.mark.parametrize("value", FORMULAS)
async def test_a_formula_is_text_in_a_workbook(value: str) -> None:
    text = await text_of([{"id": value, "agentId": "a"}])
    data = tablib.Dataset()
    data.load(text, format="csv")
    # The workbook is made without an escape of its own: a cell that begins with "=" would be a formula.
    sheet = load_workbook(io.BytesIO(data.export("xlsx"))).active
    assert sheet is not None
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    (row,) = rows_of(text)
    assert row["trajectoryId"].replace("'", "") == value.replace("'", "")
    assert row["trajectoryId"].startswith("'") or value[0] == "x"


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("value", FORMULAS)
async def test_nor_where_another_separator_is_customary(value: str, separator: str) -> None:
    text = await text_of([{"id": value, "agentId": value}])
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        for cell in row:
            assert not cell.strip().startswith(tuple(_DANGEROUS)), row


async def test_harmless_values_stay_as_they_are() -> None:
    values = ["t-1", "a=b", "2026-02-01", "日本", 'say "hi"', "a,b", "a;b", "a 'b'", "x-1 +2", "50%", ""]
    rows = rows_of(await text_of([{"id": value} for value in values]))
    assert [row["trajectoryId"] for row in rows] == values


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    values=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=1, max_size=4
    )
)
@example(values=['"', '""', '",=1', "\r", "\n\n"])
async def test_every_reader_finds_every_cell(values: list[str]) -> None:
    text = await text_of([{"id": new_id("t"), "agentId": value, "startTime": 5} for value in values])
    rows = rows_of(text)
    assert [row["agentId"].replace("'", "") for row in rows] == [value.replace("'", "") for value in values]
    assert {row["startTime"] for row in rows} <= {"5"}
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, "string"))
    read = pyarrow.csv.read_csv(io.BytesIO(text.encode()), parse_options=options, convert_options=convert)
    assert read.column_names == COLUMNS
    assert read.column("agentId").to_pylist() == [row["agentId"] for row in rows]
