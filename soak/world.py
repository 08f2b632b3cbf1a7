"""What lies around the exporter: its config, its secrets, and the servers, some of which misbehave."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import yaml
from fakes import SECRET
from pairs import Pair, make_pair
from replacing import rename_over, swap_link
from wirecase import Case

from exporter.simulator.directory import SECRET as SIMULATED
from soak import targets
from soak.canaries import spelt
from soak.providers import Providers, write_authority
from soak.targets import CANARY, Entry

INTERVAL, TIMEOUT = "3s", "2500ms"
"""Of targets that are well: what is between them and their servers is never more than a busy machine."""


@dataclass(slots=True)
class World:
    """A folder with all that an exporter reads, and what is in the slots."""

    folder: Path
    providers: Providers
    slots: dict[int, tuple[Entry, AsyncExitStack]] = field(default_factory=dict)
    quiet: bool = True
    _versions: "count[int]" = field(default_factory=count)
    _pairs: tuple[Pair, Pair] = field(default_factory=lambda: (make_pair(), make_pair()))

    def __post_init__(self) -> None:
        for name in (targets.RENAMED, targets.LINKED):
            (self.folder / name).mkdir()
        write_authority(self.authority)
        self.rename()
        self.link()
        # The secret is not there yet: nobody can go on with the last that was good.
        for name in (targets.AUTHORITY, targets.OWN_STATE):
            self.bring_back(name)
        self.write_config()

    @property
    def config(self) -> Path:
        """The exporter's config."""
        return self.folder / "config.yaml"

    @property
    def authority(self) -> Path:
        """Whom targets trust, in a file that stays."""
        return self.folder / "trusted.pem"

    @property
    def healthy(self) -> Mapping[str, Entry]:
        """Targets that are well."""
        return targets.healthy(self.providers.addresses, self.folder)

    @property
    def own(self) -> Mapping[str, Entry]:
        """Targets that fail by their own fault only."""
        return targets.own(self.providers.addresses, self.folder)

    def entries(self) -> dict[str, Entry]:
        """Every target that there is now; those that suffer only once it is no longer quiet."""
        calm = {**self.healthy, **self.own}
        if self.quiet:
            return calm
        suffering = targets.suffering(self.providers.addresses)
        return calm | suffering | {f"slot-{number}": entry for number, (entry, _) in self.slots.items()}

    def all_entries(self) -> dict[str, Entry]:
        """Every target that there can be."""
        slots = {f"slot-{number}": targets.slot(number, "", self.authority) for number in range(targets.SLOTS)}
        return {**self.healthy, **self.own, **targets.suffering(self.providers.addresses), **slots}

    def write_config(self, spoil: Callable[[str], str] = str) -> None:
        """Writes the config as things are; `spoil` may make something else of its text."""
        listed = [{"name": name, **entry} for name, entry in self.entries().items()]
        text = yaml.safe_dump({"defaults": {"interval": INTERVAL, "timeout": TIMEOUT}, "targets": listed})
        rename_over(self.folder, {self.config.name: spoil(text).encode()})

    async def fill(self, number: int, case: Case) -> None:
        """Puts a case of the fault matrix into an empty slot."""
        stack = AsyncExitStack()
        url = await stack.enter_async_context(case.place())
        self.slots[number] = targets.slot(number, url, self.authority), stack

    def empty(self, number: int) -> AsyncExitStack:
        """Empties a slot; what is returned closes what was asked there, once nobody asks any more."""
        _, stack = self.slots.pop(number, ({}, AsyncExitStack()))
        return stack

    async def close(self) -> None:
        """Closes what all slots ask."""
        for number in tuple(self.slots):
            await self.empty(number).aclose()

    # --- Files

    def rename(self) -> None:
        """Rotates a secret by renaming a new file over the old."""
        rename_over(self.folder / targets.RENAMED, {targets.SECRET_FILE: self._secret()})

    def link(self) -> None:
        """Rotates certificate, key and secrets all at once, as Kubernetes does."""
        pair = self._pairs[next(self._versions) % 2]
        swap_link(
            self.folder / targets.LINKED,
            {
                targets.CERTIFICATE: pair.chain,
                targets.KEY: pair.key,
                targets.SECRET_FILE: self._secret(),
                targets.NEXT_FILE: self._secret(),
            },
        )

    @property
    def vanishing(self) -> Mapping[str, Callable[[Path], object]]:
        """What may be away for a while, and how each is made."""
        return {
            targets.OWN_SECRET: lambda path: path.write_bytes(self._secret()),
            targets.AUTHORITY: write_authority,
            targets.OWN_STATE: lambda path: path.mkdir(exist_ok=True),
        }

    def vanish(self, name: str) -> None:
        """Takes something away; in the place of a folder there is a file then."""
        path = self.folder / name
        if path.exists():
            path.rename(path.with_suffix(".away"))
        if name == targets.OWN_STATE:
            path.touch()

    def bring_back(self, name: str) -> None:
        """Brings back what has vanished, a secret with another value."""
        path = self.folder / name
        if path.is_file():
            path.unlink()
        if (away := path.with_suffix(".away")).exists():
            away.rename(path)
        self.vanishing[name](path)

    def _secret(self) -> bytes:
        return f"{CANARY}+/=&{next(self._versions)}\n".encode()

    def canaries(self) -> frozenset[bytes]:
        """What no sink may show: a secret in any spelling, a line of a private key."""
        spellings = {spelling for core in (CANARY, SECRET[:10], SIMULATED) for spelling in spelt(core)}
        return frozenset({*spellings, *self._key_lines()})

    def _key_lines(self) -> Iterator[bytes]:
        return (pair.key.splitlines()[1] for pair in self._pairs)
