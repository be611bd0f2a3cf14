"""A service that keeps lines in a database, its own or one that another service holds."""

import asyncio
from pathlib import Path

from worker_runtime.d1 import D1Service  # noqa: F401 -- offers the database to other services
from workers import WorkerEntrypoint, env

# Fast enough to pass in a test, slow enough to be met in the middle.
SLOW = (
    "INSERT INTO lines (text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {steps}) "
    "SELECT 'slow' FROM n WHERE i = {steps}"
)
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def write(line):
    with Path(env.DIARY).open("a", encoding="utf-8") as diary:
        diary.write(f"{line}\n")


class Default(WorkerEntrypoint):
    async def put(self, text: str):
        return await self.env.DB.prepare("INSERT INTO lines (text) VALUES (?) RETURNING id").bind(text).run()

    async def put_slowly(self, count: int, steps: int) -> int:
        insert = self.env.DB.prepare("INSERT INTO lines (text) VALUES (?)")
        batch = [insert.bind(f"batch {number}") for number in range(count - 1)]
        write("putting slowly")
        return len(await self.env.DB.batch([*batch, self.env.DB.prepare(SLOW.format(steps=steps))]))

    async def total(self) -> int:
        return await self.env.DB.prepare("SELECT count(*) AS n FROM lines").first("n")

    async def texts(self) -> list[str]:
        return [row[0] for row in await self.env.DB.prepare("SELECT text FROM lines ORDER BY id").raw()]

    async def endless(self):
        write("counting")
        try:
            await self.env.DB.prepare(ENDLESS).run()
        except asyncio.CancelledError:
            write("stopped counting")
            raise

    async def bytes_back(self, value: bytes):
        return await self.env.DB.prepare("SELECT ? AS value").bind(value).first("value")

    async def one_line_twice(self):
        return await self.env.DB.exec(
            "INSERT INTO lines (text) VALUES ('a')\nINSERT INTO lines (id) VALUES (last_insert_rowid())"
        )

    async def size(self) -> int:
        return len(await self.env.DB.dump())

    async def session(self) -> list:
        session = self.env.DB.with_session()
        before = session.get_bookmark()
        await session.prepare("SELECT 1").run()
        return [before, session.get_bookmark() is not None]

    async def code_of_a_refusal(self) -> list:
        try:
            await self.env.DB.prepare("INSERT INTO lines (id) VALUES (1), (1)").run()
        except Exception as error:
            return [type(error).__name__, str(error), error.sqlite]
