from collections.abc import Iterator

import psycopg
import pytest

from mitregate.stores.conduit import Conduit, Statement

BEGIN, COMMIT = Statement("BEGIN"), Statement("COMMIT")
ADD = Statement("INSERT INTO things (number, name) VALUES ($1, $2)", "number", "name")
COUNT = Statement("SELECT count(*) FROM things")
ALL = Statement("SELECT number, name FROM things ORDER BY number")


@pytest.fixture
def other(postgres_database: str) -> Iterator["psycopg.Connection[tuple[int, ...]]"]:
    """A database with an empty table in it, and a connection beside the conduit."""
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        admin.execute("CREATE TABLE things (number bigint PRIMARY KEY, name text)")
        yield admin


@pytest.fixture
def conduit(postgres_database: str, other: object) -> Iterator[Conduit]:
    """A conduit to that database."""
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        yield Conduit(connection, is_reading=False)


def count(conduit: Conduit) -> int:
    """Count the things there are."""
    found: int = conduit.ask(COUNT, {})[0][0]
    return found


def test_values_come_back_as_they_were(conduit: Conduit) -> None:
    """Numbers to the edge, any text, and nothing at all pass through a statement and back."""
    kept = [(-(2**63), 'it\'s %s :x $1 \\ "ü" 漢'), (0, None), (2**63 - 1, "")]
    conduit.send(BEGIN, {})
    for number, name in kept:
        conduit.send(ADD, {"number": number, "name": name})
    assert conduit.ask(ALL, {}) == kept
    assert conduit.end(COMMIT) == "COMMIT"


def test_only_the_end_makes_it_last(conduit: Conduit, other: "psycopg.Connection[tuple[int, ...]]") -> None:
    """What was sent is seen by the next question, and by others after the end of the transaction."""
    conduit.send(BEGIN, {})
    conduit.send(ADD, {"number": 1, "name": "a"})
    assert count(conduit) == 1
    assert other.execute("SELECT count(*) FROM things").fetchone() == (0,)
    conduit.end(COMMIT)
    assert other.execute("SELECT count(*) FROM things").fetchone() == (1,)


def test_an_error_shows_with_the_next_question(conduit: Conduit) -> None:
    """A statement that fails unasked is told with the next question; a reset rolls back, and all works again."""
    conduit.send(BEGIN, {})
    for _ in range(2):
        conduit.send(ADD, {"number": 1, "name": "a"})
    with pytest.raises(psycopg.errors.UniqueViolation, match="things_pkey"):
        count(conduit)
    conduit.reset()
    conduit.send(BEGIN, {})
    conduit.send(ADD, {"number": 1, "name": "b"})
    assert conduit.ask(ALL, {}) == [(1, "b")]
    assert conduit.end(COMMIT) == "COMMIT"


def test_an_error_keeps_the_commit_from_happening(
    conduit: Conduit, other: "psycopg.Connection[tuple[int, ...]]"
) -> None:
    """A statement that fails unasked is told by the commit at the latest, and nothing is kept."""
    conduit.send(BEGIN, {})
    conduit.send(ADD, {"number": 1, "name": "a"})
    conduit.send(ADD, {"number": 1, "name": "b"})
    conduit.send(ADD, {"number": 2, "name": "c"})
    with pytest.raises(psycopg.errors.UniqueViolation):
        conduit.end(COMMIT)
    conduit.reset()
    assert count(conduit) == 0
    assert other.execute("SELECT count(*) FROM things").fetchone() == (0,)


def test_more_than_the_socket_holds(conduit: Conduit) -> None:
    """Megabytes of statements, and of rows in reply, neither block nor get lost."""
    conduit.send(BEGIN, {})
    for number in range(3000):
        conduit.send(ADD, {"number": number, "name": "x" * 2000})
    assert sum(len(name) for _, name in conduit.ask(ALL, {})) == 6_000_000
    assert conduit.end(COMMIT) == "COMMIT"


def test_a_lost_connection_is_noticed(conduit: Conduit, other: "psycopg.Connection[tuple[int, ...]]") -> None:
    """A connection that the server has ended is noticed by the check, and no reset brings it back."""
    conduit.check()
    (own,) = conduit.ask(Statement("SELECT pg_backend_pid()"), {})[0]
    other.execute("SELECT pg_terminate_backend(%s, 5000)", (own,))
    with pytest.raises(psycopg.OperationalError):
        conduit.check()
    with pytest.raises(psycopg.OperationalError):
        conduit.reset()
    with pytest.raises(psycopg.OperationalError):
        count(conduit)


def test_each_question_of_a_reader_stands_alone(
    postgres_database: str, other: "psycopg.Connection[tuple[int, ...]]"
) -> None:
    """A reading conduit sees what others have committed since its last question, and is told what it may not do."""
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = on")
        reader = Conduit(connection, is_reading=True)
        assert count(reader) == 0
        other.execute("INSERT INTO things VALUES (1, 'a')")
        assert count(reader) == 1
        reader.send(ADD, {"number": 2, "name": "b"})
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.settle()
        reader.reset()
        assert count(reader) == 1
