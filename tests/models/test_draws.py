"""Seeds of draws, and streams that give each image of a batch what it would be given alone."""

from __future__ import annotations

import torch

from pytest_segrobust.models.draws import Draw, Streams, drawing, have_moved, restore, states

CPU = torch.device("cpu")


def test_a_seed_is_of_run_case_pass_slice_and_window():
    draws = [
        Draw(seed, key, number, part).seed_of(window)
        for seed in (0, 1)
        for key in ("a", "b")
        for number in (0, 1)
        for part in (0, 1)
        for window in (0, 1)
    ]
    assert len(set(draws)) == len(draws)
    assert Draw(0, "a", 0, 1).seed_of(2) == Draw(0, "a", 0, 1).seed_of(2)
    assert Draw(1, "1", 1).seed_of() != Draw(1, "11", 0).seed_of()


def test_a_draw_of_the_network_is_the_same_for_all_slices_and_windows():
    draws = {Draw(0, "a", 3, part, of_network=True).seed_of(window) for part in range(3) for window in range(3)}
    assert len(draws) == 1
    assert draws != {Draw(0, "a", 4, of_network=True).seed_of()}


def test_the_users_generator_is_left_as_it_was():
    torch.manual_seed(4)
    before = states(CPU)
    with drawing(CPU, 7):
        first = torch.rand(3)
        assert have_moved(CPU, before)
    assert not have_moved(CPU, before)
    torch.manual_seed(7)
    assert torch.equal(first, torch.rand(3))
    restore(CPU, before)
    assert not have_moved(CPU, before)


def test_streams_give_each_image_what_it_is_given_alone():
    seeds = [11, 12, 13]
    streams = Streams(CPU, seeds)
    batch = torch.ones(6, 4)  # two rows for each image
    before = states(CPU)
    calls = [torch.cat(streams.each(torch.nn.functional.dropout, batch)) for _ in range(3)]
    assert not have_moved(CPU, before)
    for place, seed in enumerate(seeds):
        torch.manual_seed(seed)
        for call in calls:
            assert torch.equal(call[2 * place : 2 * place + 2], torch.nn.functional.dropout(batch[:2]))
