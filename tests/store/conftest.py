"""Every test of the store runs on SQLite and on a real PostgreSQL."""

import secrets

import pytest
from sqlalchemy import create_engine, make_url, text

from dashboard.store.store import Store
from tests.made.postgres import NoPostgres, postgres


@pytest.fixture(scope="session")
def postgres_server():
    """The address of a server; a test that needs one says so where there is none."""
    try:
        context = postgres()
        address = context.__enter__()
    except NoPostgres as error:
        pytest.skip(str(error))
    yield address
    context.__exit__(None, None, None)


@pytest.fixture
def postgres_address(postgres_server):
    """A database of its own for a test."""
    name = f"test_{secrets.token_hex(6)}"
    engine = create_engine(make_url(postgres_server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request):
    """What the operator writes: nothing, or a server's address."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_address")


@pytest.fixture
def opened(tmp_path):
    """Opens stores; none of them outlives the test."""
    stores = []

    def opens(address=""):
        stores.append(Store(address, tmp_path / "store"))
        return stores[-1]

    yield opens
    for store in stores:
        store.database.close()


@pytest.fixture
def store(address, opened):
    """An empty store."""
    return opened(address)
