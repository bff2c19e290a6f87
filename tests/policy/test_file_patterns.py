"""`/file` patterns: whatever files name one another, compiling ends, and an address matches as its words one by one do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.peer import UNKNOWN, Peer
from superd.policy.facts import NO_FACTS
from superd.policy.file_patterns import FILE_DEPTH, compile_files
from superd.policy.patterns import host_match

PATHS = ["/a", "/b", "/c"]
WORDS = ["10.", "10.1.2.3", "192.168.0.0/16", "[2001:db8::]/32", ".com", "ALL", "EXCEPT", "#", "10.1.2.3/8", "@g", "LOCAL"]
CLIENT = Peer("10.1.2.3", 4, 0x0A010203, name="a.example.com", user=UNKNOWN)


@given(st.fixed_dictionaries({path: st.lists(st.sampled_from(PATHS + WORDS[:-2]), max_size=5) for path in PATHS}))
def test_files_that_name_one_another_match_what_their_words_match(files: dict[str, list[str]]) -> None:
    compiled = compile_files({path: " ".join(words).encode() for path, words in files.items()})
    reached, todo = set(), ["/a"]
    while todo:
        path = todo.pop()
        reached.add(path)
        todo += [word for word in files[path] if word in PATHS and word not in reached]
    words = [word for path in reached for word in files[path] if word not in PATHS]
    expected = any(host_match(word, CLIENT, NO_FACTS, {}) is True for word in words)
    assert (host_match("/a", CLIENT, NO_FACTS, compiled) is True) == expected


@given(st.binary(max_size=200))
def test_any_bytes_compile(data: bytes) -> None:
    assert set(compile_files({"/a": data})) == {"/a"}


def test_a_chain_counts_down_to_its_depth_and_no_further() -> None:
    files = {f"/{number}": f"10.0.0.{number} /{number + 1}".encode() for number in range(FILE_DEPTH + 2)}
    found = compile_files(files)["/0"]
    last = FILE_DEPTH - 1
    assert found.has_address(Peer(f"10.0.0.{last}", 4, 0x0A000000 + last))
    assert not found.has_address(Peer(f"10.0.0.{last + 1}", 4, 0x0A000000 + last + 1))
