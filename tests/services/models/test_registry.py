from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.errors import ServiceError
from services.models import registry


def copy_of(model: registry.Model, root: Path) -> Path:
    target = root / model.file
    target.parent.mkdir(parents=True)
    target.write_bytes((registry.ROOT / model.file).read_bytes())
    return target


@pytest.mark.parametrize("model", registry.MODELS, ids=lambda m: m.name)
def test_shipped_file_is_the_pinned_one_and_its_card_names_the_hash(model: registry.Model) -> None:
    assert registry.verify(model)
    card = (registry.ROOT / model.card).read_text()
    assert model.sha256 in card
    assert model.licence in card


def test_one_flipped_bit_is_refused_with_a_sentence_that_shows_no_path(tmp_path: Path) -> None:
    target = copy_of(registry.ROLES, tmp_path)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    with pytest.raises(registry.DamagedModel, match="do not match their checksum") as caught:
        registry.verify(registry.ROLES, tmp_path)
    assert str(tmp_path) not in str(caught.value)
    assert isinstance(caught.value, ServiceError)
    assert caught.value.code == "damaged_model"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(registry.DamagedModel, match="missing"):
        registry.verify(registry.ROLES, tmp_path)


def test_an_untouched_copy_elsewhere_is_accepted(tmp_path: Path) -> None:
    copy_of(registry.ROLES, tmp_path)
    assert registry.verify(registry.ROLES, tmp_path) == registry.verify(registry.ROLES)


def test_another_pin_refuses_the_file() -> None:
    with pytest.raises(registry.DamagedModel):
        registry.verify(replace(registry.ROLES, sha256="0" * 64))


def test_names_find_their_model() -> None:
    assert registry.by_name("roles") is registry.ROLES
    assert registry.by_name("nothing") is None


def test_listing_says_what_is_there(tmp_path: Path) -> None:
    assert [row["present"] for row in registry.listing()] == [True] * len(registry.MODELS)
    assert not any(row["present"] for row in registry.listing(tmp_path))


def test_shipped_weights_are_small() -> None:
    assert (registry.ROOT / registry.ROLES.file).stat().st_size <= 1_000_000
