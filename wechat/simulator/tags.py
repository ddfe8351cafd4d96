"""The tags of the official account and who bears them.

Source: 标签管理 (createTag, getTags, updateTag, deleteTag, batchTagging).
"""

from __future__ import annotations

from collections.abc import Iterator

from wechat.simulator.state import Person

# The platform keeps these ids for itself; of them only the starred group still exists.
RESERVED = (0, 1, 2)
STARRED = 2
FIRST_TAG = 100


class Tags:
    """Names of tags by id, and the people under each in the order in which they came."""

    def __init__(self) -> None:
        self._last = FIRST_TAG - 1
        self._people: dict[int, dict[Person, None]] = {}
        self.clear()

    def clear(self) -> None:
        """Delete all tags; the people under them lose theirs."""
        self.forget_everybody()
        self.names: dict[int, str] = {STARRED: "星标组"}
        self._people = {STARRED: {}}

    @property
    def own(self) -> int:
        """How many tags the account has made itself."""
        return len(self.names) - 1

    def create(self, name: str) -> int:
        """Make a tag and return its id."""
        self._last += 1
        self.put_back({**self.names, self._last: name})
        return self._last

    def put_back(self, names: dict[int, str]) -> None:
        """Make these all the tags there are; who bears one that stays keeps it."""
        for tag_id in self.names.keys() - names.keys():
            self.delete(tag_id)
        self.names = names
        self._people = {tag_id: self._people.get(tag_id, {}) for tag_id in names}
        self._last = max(self._last, *names)

    def delete(self, tag_id: int) -> list[Person]:
        """Delete a tag and return those who bore it."""
        del self.names[tag_id]
        people = list(self._people.pop(tag_id))
        for person in people:
            person.tags.remove(tag_id)
        return people

    def count(self, tag_id: int) -> int:
        """Return how many people bear a tag."""
        return len(self._people[tag_id])

    def people(self, tag_id: int) -> Iterator[Person]:
        """Return those who bear a tag, first come first."""
        return iter(self._people[tag_id])

    def tag(self, tag_id: int, person: Person) -> None:
        """Put a tag on a person."""
        self._people[tag_id][person] = None
        if tag_id not in person.tags:
            person.tags.append(tag_id)

    def untag(self, tag_id: int, person: Person) -> None:
        """Take a tag from a person."""
        if self._people[tag_id].pop(person, person) is None:
            person.tags.remove(tag_id)

    def forget_everybody(self) -> None:
        """Take all tags from all people; the tags stay."""
        for people in self._people.values():
            for person in people:
                person.tags.clear()
            people.clear()

    def forget(self, person: Person) -> None:
        """Let go of somebody who no longer exists."""
        for tag_id in list(person.tags):
            self.untag(tag_id, person)
