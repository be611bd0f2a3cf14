"""Two programs talk through a service: callbacks, a returned object, a stream, a chain. `make demo-reference`."""

import asyncio
import sys
from pathlib import Path

from broker.embedded import EmbeddedBroker
from client import connect

sys.path.insert(0, str(Path(__file__).parent.parent))
from demo import running


async def talk(broker_url: str) -> None:
    """Ann and Bob, each with a connection of their own."""
    async with connect(broker_url) as anns, connect(broker_url) as bobs:
        heard = asyncio.Queue()

        async with anns.chat.join("lobby", "Ann", lambda name, text: heard.put_nowait(f"{name}: {text}")) as ann:
            # One round trip: the seat is made, used and given up where it is.
            reached = await bobs.chat.join("lobby", "Bob", print).say("Is anybody there?")
            print(f"Bob reached {reached}; Ann heard", repr(await heard.get()))

            async with bobs.chat.join(
                "lobby", "Bob", lambda name, text: print(f"Bob heard {text!r} from {name}")
            ) as bob:
                print("With Bob in the room:", await bob.others)
                await ann.say("Hello Bob!")
                async with ann.whisper("Bob") as to_bob:
                    await to_bob("Ann", "psst")
                print("The room so far:", [line async for line in bob.history()])

        # Seats are given up in the background: it may take a moment until the last one is free.
        while people := await anns.chat.people("lobby"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        print("Everybody has left:", people)


def main() -> None:
    """Start everything, talk, and stop it again."""
    with EmbeddedBroker() as broker, running(Path(__file__).parent, broker.url):
        asyncio.run(talk(broker.url))


if __name__ == "__main__":
    main()
